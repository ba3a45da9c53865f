<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\CompiledEntry;
use Netresearch\NrVault\Outbound\Registry\EntryReader;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use PHPUnit\Framework\TestCase;

final class CompiledEntryTest extends TestCase
{
    private const WHOLE = [
        'base_url' => 'https://api.example.com/v1',
        'policy' => [
            'allowed_methods' => ['GET', 'POST'],
            'allowed_hosts' => ['api.example.com', 'eu.example.com:8443'],
            'allowed_paths' => ['/v1/a/{id}', '/v1/**'],
            'allow_http' => true,
            'allow_encoded_slash' => true,
            'max_redirects' => 3,
            'max_attempts' => 2,
            'timeout_ms' => 1000,
            'idle_timeout_ms' => 900,
            'request_bytes' => 2000,
            'response_bytes' => 3000,
            'http_versions' => ['2', '1.1'],
            'http3' => 'registered',
            'breaker' => ['failures' => 5, 'open_ms' => 600],
        ],
        'headers' => ['accept' => 'application/json', 'x-quoted' => "it's \"\\ \$x \u{1F600}"],
        'idempotency_header' => 'X-Once',
        'placeholder_headers' => ['authorization'],
        'credentials' => [
            [
                'identifier' => 'vault:vault:key',
                'type' => 'secret',
                'placement' => ['type' => 'header', 'name' => 'X-Key', 'prefix' => 'Key '],
            ],
        ],
        'alternatives' => [['secret_suffix' => ':fx', 'base_url' => 'https://free.example.com/v1']],
        'transport' => 'rust',
        'audit' => 'required',
        'audit_sample' => 7,
        'technical_user' => 'robot',
        'test' => ['method' => 'GET', 'path' => '/status'],
    ];

    public function testAServiceIsAsItWasInEveryProperty(): void
    {
        $service = (new EntryReader('my-api'))->read(self::WHOLE);
        self::assertInstanceOf(ServiceDefinition::class, $service);
        $least = (array) (new EntryReader('other'))->read(['base_url' => 'https://a.example', 'policy' => ['allowed_methods' => ['GET']]]);
        $unset = array_uintersect_assoc((array) $service, $least, static fn (mixed $a, mixed $b): int => $a == $b ? 0 : 1);
        self::assertSame([], array_keys($unset), 'a property that this entry does not set shows nothing here');

        $compiled = CompiledEntry::of($service);
        self::assertEquals($service, CompiledEntry::read(self::written($compiled)));
        self::assertSame(serialize($service), serialize(CompiledEntry::read($compiled)));
    }

    public function testSeveralCredentialsAndANumberOfAUserComeBack(): void
    {
        $service = (new EntryReader('my-api'))->read([
            'credentials' => [['identifier' => 'a', 'type' => 'basic'], ['identifier' => 'b', 'type' => 'secret', 'placement' => 'api_key']],
            'alternatives' => [],
            'technical_user' => 17,
        ] + self::WHOLE);

        self::assertEquals($service, CompiledEntry::read(self::written(CompiledEntry::of($service))));
    }

    public function testProblemsAreAsTheyWere(): void
    {
        $problems = (new EntryReader("Z\u{202E}\n" . str_repeat('ä', 40)))->read(['base_url' => 'x', "f\x7F" => 1]);
        self::assertIsArray($problems);
        self::assertGreaterThan(2, count($problems));

        $read = CompiledEntry::read(self::written(CompiledEntry::of($problems)));
        self::assertEquals($problems, $read);
        self::assertContainsOnlyInstancesOf(RegistryProblem::class, $read);
    }

    /**
     * @testWith [null]
     *           [[]]
     *           [{"problems": []}]
     *           [{"problems": [{"entry": "a"}]}]
     *           [{"id": "my-api"}]
     */
    public function testWhatHasAnotherFormIsAFaultOfTheCompiledRegistryAndNotOfTheService(mixed $entry): void
    {
        self::assertNull(CompiledEntry::read($entry));
        $registry = ArrayServiceRegistry::compiled(['my-api' => $entry]);
        self::assertSame([''], array_column($registry->problems(), 'entry'));
        try {
            $registry->get('my-api');
            self::fail('a service was made of it');
        } catch (OutboundException $exception) {
            self::assertSame('configuration.invalid', $exception->errorCode());
            self::assertStringContainsString('the compiled registry has an entry of another form', $exception->getMessage());
        }
    }

    /** A change of the compiled form needs a new number, because hosts still have files of the old form. */
    public function testTheFormHasItsNumber(): void
    {
        $service = (new EntryReader('my-api'))->read(self::WHOLE);

        self::assertSame(
            [7, '495c'],
            [CompiledEntry::FORM, substr(sha1(serialize(CompiledEntry::of($service))), 0, 4)],
        );
    }

    /**
     * @param array<mixed> $compiled
     * @return array<mixed> the array that PHP reads from its exported code
     */
    private static function written(array $compiled): array
    {
        return eval('return ' . var_export($compiled, true) . ';');
    }
}
