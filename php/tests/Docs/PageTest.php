<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Docs;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\TokenEndpoint;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * Runs the code blocks of a page, in order and in one PHP process. The directories and URLs of the page are replaced by those
 * of the test; nothing else is changed.
 *
 * - JSON is written to the absolute path that the line before it names last.
 * - Shell commands have to succeed.
 * - PHP has to print what the comments after its echo statements say: echo 1 + 1; // 2
 *
 * @group root
 */
final class PageTest extends TestCase
{
    private static Upstream $upstream;
    private static TokenEndpoint $endpoint;

    private TempDir $directory;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$endpoint = new TokenEndpoint(self::$upstream);
    }

    public static function tearDownAfterClass(): void
    {
        self::$endpoint->stop();
        self::$upstream->stop();
    }

    protected function setUp(): void
    {
        $this->directory = new TempDir('docs');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @dataProvider pages
     */
    public function testThePageRuns(string $page, int $examples): void
    {
        $steps = $this->steps((string) file_get_contents(dirname(Build::php()) . '/docs/' . $page));
        foreach (['etc/vault', 'log', 'root', 'run'] as $name) {
            mkdir($this->directory->path . '/' . $name, 0755, true);
        }
        $installation = new Installation($this->directory);
        chmod($installation->php . '/bin/secure-outbound', 0755);
        $result = Process::run(
            [PHP_BINARY, __DIR__ . '/run.php', $this->directory->write('steps.json', (string) json_encode($steps))],
            [
                'SECURE_OUTBOUND_LIBRARY' => $installation->library,
                'PATH' => $installation->php . '/bin:' . getenv('PATH'),
            ],
        );

        self::assertSame(0, $result['code'], $result['output']);
        self::assertStringNotContainsString('s3cr3t', $result['output']);
        $run = count(array_filter($steps, static fn (array $step): bool => $step['language'] !== 'text'));
        self::assertStringEndsWith($run . " examples\n", $result['output']);
        $php = array_filter($steps, static fn (array $step): bool => $step['language'] === 'php');
        self::assertCount($examples, $php);
    }

    /**
     * @return iterable<string, array{string, int}>
     */
    public static function pages(): iterable
    {
        yield 'php-api.md' => ['php-api.md', 17];
        yield 'from-guzzle.md' => ['from-guzzle.md', 3];
        yield 'oauth.md' => ['oauth.md', 1];
        yield 'streaming.md' => ['streaming.md', 8];
    }

    /**
     * @return list<array{language: string, code: string, file: string|null, expected: list<string>, line: int}>
     */
    private function steps(string $page): array
    {
        preg_match_all('/^```(\w+)\n(.*?)^```$/ms', $page, $blocks, PREG_OFFSET_CAPTURE);
        $steps = [];
        foreach ($blocks[1] as $index => [$language, $offset]) {
            $code = $blocks[2][$index][0];
            $paragraph = (string) strrchr("\n" . rtrim(substr($page, 0, $offset - 3)), "\n");
            preg_match('/.*`(\/[^`\s]+)`/', $paragraph, $file);
            preg_match_all('~^\s*echo .*; // (.*)$~m', $code, $expected);
            $steps[] = [
                'language' => $language,
                'code' => $this->local($code),
                'file' => isset($file[1]) ? $this->local($file[1]) : null,
                'expected' => $this->local($expected[1]),
                'line' => substr_count($page, "\n", 0, $offset) + 1,
                'merge' => str_ends_with($file[1] ?? '', 'transport.json') ? self::$endpoint->config() : [],
            ];
        }
        return $steps;
    }

    /**
     * @template T of string|list<string>
     * @param T $text
     * @return T
     */
    private function local(string|array $text): string|array
    {
        $map = [
            // The page relies on the default path of the audit log, so the call is given that of the test.
            "romDirectory('/etc/secure-outbound')" => "romDirectory('{$this->directory->path}/etc', "
                . "'{$this->directory->path}/log/audit.jsonl')",
            '/etc/secure-outbound' => $this->directory->path . '/etc',
            '/var/log/secure-outbound' => $this->directory->path . '/log',
            '/var/cache/secure-outbound' => $this->directory->path . '/cache',
            '/run/secure-outbound' => $this->directory->path . '/run',
            '/root/' => $this->directory->path . '/root/',
            'https://login.example.com/token' => self::$endpoint->url,
            'https://api.example.com/v1' => self::$upstream->url(),
            '"login.example.com"' => '"' . self::authority(self::$endpoint->url) . '"',
            '"api.example.com"' => '"' . self::authority(self::$upstream->url()) . '"',
        ];
        return str_replace(array_keys($map), array_values($map), $text);
    }

    /** Host and port, as a list of hosts has them. */
    private static function authority(string $url): string
    {
        return parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT);
    }
}
