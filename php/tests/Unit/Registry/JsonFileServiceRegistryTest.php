<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

final class JsonFileServiceRegistryTest extends TestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('registry');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testServicesComeFromTheFile(): void
    {
        $registry = new JsonFileServiceRegistry($this->directory->write('services.json', <<<'JSON'
            {"version": 1, "services": {
                "my-api": {
                    "base_url": "https://api.example.com/v1",
                    "policy": {"allowed_methods": ["GET"], "allow_encoded_slash": true},
                    "headers": {"accept": "application/json"},
                    "credentials": [
                        {"identifier": "k", "type": "secret", "placement": {"type": "header", "name": "X-K"}}
                    ]
                },
                "other": {"base_url": "nonsense", "policy": {"allowed_methods": ["GET"]}}
            }}
            JSON));
        $service = $registry->get('my-api');

        self::assertTrue($service->policy->allowEncodedSlash);
        self::assertSame([['accept', 'application/json']], $service->headers);
        self::assertSame('X-K', $service->credentials[0]->placement?->name);
        self::assertSame(['my-api', 'other'], $registry->ids());
        self::assertSame(['other'], array_column($registry->problems(), 'entry'));
    }

    /** For a read with a limit, PHP allocates as many bytes as the limit allows. */
    public function testASmallFileTakesLittleMemory(): void
    {
        $json = '{"version": 1, "services": {"ab": {"base_url": "https://a.example", "policy": {"allowed_methods": ["GET"]}}}}';
        $registry = new JsonFileServiceRegistry($this->directory->write('services.json', $json));
        memory_reset_peak_usage();
        $before = memory_get_usage();
        $registry->get('ab');

        self::assertLessThan(1 << 20, memory_get_peak_usage() - $before);
    }

    public function testTheSameKeyInTwoObjectsIsFine(): void
    {
        $entry = '{"base_url": "https://a.example", "policy": {"allowed_methods": ["GET"]}, "headers": {"a": "b\"}{:"}}';
        $json = '{"version": 1, "services": {"ab": ' . $entry . ', "cd": ' . $entry . '}}';
        $registry = new JsonFileServiceRegistry($this->directory->write('services.json', $json));

        self::assertSame([], $registry->problems());
        self::assertSame([['a', 'b"}{:']], $registry->get('cd')->headers);
    }

    public function testNoLimitOfRegularExpressionsHidesAKeyThatStandsTwice(): void
    {
        $limits = ['pcre.jit' => '0', 'pcre.backtrack_limit' => '1', 'pcre.recursion_limit' => '1'];
        $before = array_map(ini_get(...), array_combine(array_keys($limits), array_keys($limits)));
        $json = '{"version": 1, "services": {"ab": {"base_url": "https://a.example", "base_url": "https://b.example"}}}';
        $registry = new JsonFileServiceRegistry($this->directory->write('services.json', $json));
        try {
            array_map(ini_set(...), array_keys($limits), $limits);
            $problems = $registry->problems();
        } finally {
            array_map(ini_set(...), array_keys($before), $before);
        }

        self::assertSame(['services.ab.base_url'], array_column($problems, 'field'));
    }

    /**
     * @dataProvider broken
     */
    public function testAFileThatIsBrokenAsAWholeHasNoServices(?string $contents, string $message): void
    {
        $file = $this->directory->path . '/services.json';
        if ($contents !== null) {
            $this->directory->write('services.json', $contents);
        }
        $registry = new JsonFileServiceRegistry($file);

        self::assertSame([], $registry->ids());
        self::assertCount(1, $registry->problems());
        self::assertStringContainsString($message, $registry->problems()[0]->message);
        try {
            $registry->get('my-api');
            self::fail('The service is there.');
        } catch (OutboundException $refusal) {
            self::assertSame('configuration.invalid', $refusal->errorCode());
            self::assertStringContainsString($message, $refusal->getMessage());
        }
    }

    /**
     * @return iterable<string, array{string|null, string}>
     */
    public static function broken(): iterable
    {
        yield 'no file' => [null, 'cannot be read'];
        yield 'no JSON' => ['{"version": 1,', 'no JSON: Syntax error'];
        yield 'no version' => ['{"services": {}}', '"version": 1'];
        yield 'a list' => ['[]', '"version": 1'];
        yield 'no services' => ['{"version": 1}', 'services'];
        yield 'a service twice' => ['{"version": 1, "services": {"ab": {}, "a\u0062": {}}}', 'a key twice: services.ab'];
        $twice = '{"version": 1, "services": {"ab": {"credentials": [{"type": ":", "x": "\\\\"}, {"type": 1, "type": 2}]}}}';
        yield 'a key twice' => [$twice, 'a key twice: services.ab.credentials.[].type'];
        yield 'another key' => ['{"version": 1, "services": {}, "defaults": {}}', 'a key beside'];
    }
}
