<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\FastCgiRequest;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\HoldingServer;
use PHPUnit\Framework\TestCase;

/**
 * Calls that end early in a real php-fpm worker, by a fatal error or by exit(), and responses that are larger than its memory_limit:
 * the memory of the worker afterwards, and the one audit record of each call.
 *
 * @group root
 */
final class LeftCallTest extends TestCase
{
    private const LARGE = 40;

    /** How much the resident memory may grow, in MiB: far less than the size of one response. */
    private const NOISE = 12;

    private static HoldingServer $server;

    private ?Worker $worker = null;
    private string $log;

    public static function setUpBeforeClass(): void
    {
        self::$server = new HoldingServer('1.1');
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
    }

    protected function tearDown(): void
    {
        $this->worker?->stop();
        $this->worker = null;
    }

    /**
     * Where the first shutdown function of the host calls exit(), PHP runs none of the others, so the response stays in memory until the
     * next request binds the library.
     *
     * @return array<string, array{list<string>, bool}>
     */
    public static function ends(): array
    {
        return [
            'at the end of the request' => [[], false],
            'where a shutdown function exits: at the next bind' => [['exit-first'], true],
        ];
    }

    /**
     * PHP lets the kernel send SIGPROF when max_execution_time has passed; the test sends it while the worker is in the native call.
     *
     * @dataProvider ends
     * @param list<string> $ways
     */
    public function testAnAnswerThatAFatalErrorLeavesIsFreed(array $ways, bool $isKept): void
    {
        $this->start(['memory_limit' => '256M', 'max_execution_time' => '300']);
        self::$server->holdTheSecondThatIsLarge(self::LARGE);
        $pid = $this->call()['pid'];
        $before = self::resident($pid);
        $left = $this->request('rust', $ways);
        self::$server->waitUntilHeld();
        posix_kill($pid, SIGPROF);
        self::$server->release();
        self::assertStringContainsString('Maximum execution time', $left->response());
        $after = self::resident($pid);
        if ($isKept) {
            self::assertGreaterThan($before + self::LARGE - 1, $after, 'the answer is there');
            self::assertSame($pid, $this->call()['pid']);
            $after = self::resident($pid);
        }

        self::assertLessThan($before + self::NOISE, $after, 'MiB');
        $codes = [null, $isKept ? null : 'internal.interrupted'];
        self::assertSame($codes, array_column($this->records(), 'error_code'));
    }

    /**
     * @return array<string, array{string}>
     */
    public static function transports(): array
    {
        return ['the library' => ['rust'], 'PHP' => ['php']];
    }

    /**
     * @dataProvider transports
     */
    public function testAnAnswerThatDoesNotFitIsRefused(string $transport): void
    {
        $this->start(['memory_limit' => '32M']);
        self::$server->answerLargely(self::LARGE);
        $resident = [];
        for ($call = 0; $call < 5; $call++) {
            $answer = $this->call($transport);
            self::assertSame('response.too_large yes 200', $answer['came']);
            $resident[] = self::resident($answer['pid']);
        }

        // The allocators do not return all memory to the system; three leaked responses would be 120 MiB.
        self::assertLessThan($resident[1] + self::LARGE, end($resident), 'MiB');
        self::assertSame(array_fill(0, 5, 'response.too_large'), array_column($this->records(), 'error_code'));
        self::assertSame(array_fill(0, 5, 200), array_column($this->records(), 'status'));
    }

    /** PhpTransport collects a response in a growing string: the old string and its larger copy both have to fit into the limit. */
    public function testAnAnswerThatFitsIsHandedOver(): void
    {
        $this->start(['memory_limit' => '32M']);
        foreach (['rust' => 20, 'php' => 10] as $transport => $mebibytes) {
            self::$server->answerLargely($mebibytes);
            self::assertSame('200 ' . ($mebibytes << 20), $this->call($transport)['came']);
        }
    }

    /**
     * @return array<string, array{string, string}>
     */
    public static function ways(): array
    {
        return [
            'memory is used up' => ['exhaust', 'Allowed memory size'],
            'the script exits' => ['exit', 'left'],
        ];
    }

    /**
     * @dataProvider ways
     */
    public function testACallThatIsLeftHasItsRecord(string $way, string $said): void
    {
        $this->start(['memory_limit' => '32M']);
        self::$server->answerLargely(1);

        self::assertStringContainsString($said, $this->request('rust', [$way])->response());
        $records = $this->records();
        self::assertSame(['internal.interrupted'], array_column($records, 'error_code'));
        self::assertSame(['failed'], array_column($records, 'outcome'));
        self::assertSame('large', $records[0]['service_id']);
        self::assertSame(['my_api_key'], $records[0]['credentials']);
        self::assertStringStartsWith('200 ', $this->call()['came'], 'the next call');
    }

    /**
     * @param array<string, string> $ini
     */
    private function start(array $ini): void
    {
        self::$server->holdTheSecond();
        $this->worker = new Worker(self::$server, ini: $ini, extensions: ['curl', 'sockets']);
        $directory = $this->worker->host->directory;
        $this->log = dirname($directory->write('log/readme', '')) . '/audit.jsonl';
        chmod(dirname($this->log), 0777);
    }

    /**
     * @param list<string> $ways
     */
    private function request(string $transport, array $ways): FastCgiRequest
    {
        return $this->worker->run('left.php', (string) json_encode([
            'config' => self::$server->config(),
            'base_url' => self::$server->url(),
            'transport' => $transport,
            'log' => $this->log,
            'ways' => $ways,
        ]));
    }

    /**
     * @return array<string, mixed>
     */
    private function call(string $transport = 'rust'): array
    {
        return $this->request($transport, [])->json();
    }

    /**
     * @return list<array<string, mixed>>
     */
    private function records(): array
    {
        $lines = file($this->log) ?: [];
        return array_map(static fn (string $line): array => json_decode($line, true), $lines);
    }

    /** Resident memory of a process in MiB. */
    private static function resident(int $pid): int
    {
        preg_match('/^VmRSS:\s+(\d+) kB$/m', (string) file_get_contents('/proc/' . $pid . '/status'), $resident);
        return intdiv((int) $resident[1], 1024);
    }
}
