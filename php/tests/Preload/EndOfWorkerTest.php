<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\FastCgiRequest;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\HoldingServer;
use PHPUnit\Framework\TestCase;

/**
 * The end of a real php-fpm worker: during a call, where the server holds the response back until the signal has arrived, and with an
 * open connection.
 *
 * @group root
 */
final class EndOfWorkerTest extends TestCase
{
    /** @var array<string, HoldingServer> by HTTP version */
    private static array $servers = [];

    private HoldingServer $server;
    private ?Worker $worker = null;

    /** The process ID of the worker that is in the call. */
    private int $pid;
    private FastCgiRequest $held;

    public static function setUpBeforeClass(): void
    {
        self::$servers = ['1.1' => new HoldingServer('1.1'), '2' => new HoldingServer('2')];
    }

    public static function tearDownAfterClass(): void
    {
        foreach (self::$servers as $server) {
            $server->stop();
        }
        self::$servers = [];
    }

    protected function tearDown(): void
    {
        $this->worker?->stop();
        $this->worker = null;
    }

    /**
     * @return array<string, array{string}>
     */
    public static function versions(): array
    {
        return ['HTTP/1.1' => ['1.1'], 'HTTP/2' => ['2']];
    }

    /**
     * @dataProvider versions
     */
    public function testAWorkerWithALiveConnectionEndsAtOnce(string $http): void
    {
        $this->start($http, pool: ['pm.max_requests' => '1']);
        $pids = [];
        for ($worker = 1; $worker <= 3; $worker++) {
            $answer = $this->worker->send();
            self::assertSame(200, $answer['results'][0]['status'] ?? $answer['results'][0]);
            $pids[] = $answer['pid'];
            $this->server->waitUntilClosed($worker);
            $this->waitForLog('child ' . $answer['pid'] . ' exited with code 0 ');
        }

        self::assertCount(3, array_unique($pids));
        self::assertSame([1, 1, 1], $this->server->requests());
    }

    /**
     * @dataProvider versions
     */
    public function testSigtermEndsTheWorkerInItsCall(string $http): void
    {
        $this->startAndHold($http);
        posix_kill($this->pid, SIGTERM);
        $this->waitForLog('child ' . $this->pid . ' exited on signal 15 (SIGTERM) ');
        $this->assertTheConnectionIsClosed();

        self::assertStringNotContainsString('"results"', $this->held->response());
        $this->assertTheNextWorkerSends([2, 1]);
    }

    /**
     * @dataProvider versions
     */
    public function testSigtermEndsAMasterWhoseWorkerIsInACall(string $http): void
    {
        $this->startAndHold($http);
        posix_kill($this->worker->fpm->master->pid, SIGTERM);

        self::assertSame(0, $this->worker->fpm->master->exitCode());
        $this->assertTheConnectionIsClosed();
        self::assertFalse(posix_kill($this->pid, 0), 'the worker lives on');
        self::assertSame([2], $this->server->requests());
    }

    /**
     * @dataProvider versions
     */
    public function testSigquitLetsTheWorkerFinishItsCall(string $http): void
    {
        $this->startAndHold($http);
        $sockets = $this->sockets();
        posix_kill($this->pid, SIGQUIT);
        Poll::until(fn (): bool => $this->sockets() !== $sockets, 'SIGQUIT in the worker');
        $this->assertTheHeldCallEndsWell();
        $this->waitForLog('child ' . $this->pid . ' exited with code 0 ');
        $this->server->waitUntilClosed(1);

        $this->assertTheNextWorkerSends([2, 1]);
    }

    /**
     * @dataProvider versions
     */
    public function testSigquitLetsAMasterWaitForTheCallOfItsWorker(string $http): void
    {
        $this->startAndHold($http);
        $sockets = $this->sockets();
        posix_kill($this->worker->fpm->master->pid, SIGQUIT);
        Poll::until(fn (): bool => $this->sockets() !== $sockets, 'SIGQUIT in the worker');
        $this->assertTheHeldCallEndsWell();

        self::assertSame(0, $this->worker->fpm->master->exitCode());
        $this->server->waitUntilClosed(1);
        self::assertFalse(posix_kill($this->pid, 0), 'the worker lives on');
        self::assertSame([2], $this->server->requests());
    }

    /**
     * @dataProvider versions
     */
    public function testAReloadWithANewLibraryWaitsForTheCallOfTheOldOne(string $http): void
    {
        $this->startAndHold($http);
        $sockets = $this->sockets();
        $old = Host::mappedLibrary($this->pid);
        $new = $this->worker->host->installation->replaceLibrary();
        posix_kill($this->worker->fpm->master->pid, SIGUSR2);
        Poll::until(fn (): bool => $this->sockets() !== $sockets, 'SIGQUIT in the worker');
        self::assertSame($old, Host::mappedLibrary($this->pid));
        $this->assertTheHeldCallEndsWell();
        $this->server->waitUntilClosed(1);

        $pid = $this->assertTheNextWorkerSends([2, 1]);
        self::assertNotSame($old, $new);
        self::assertSame($new, Host::mappedLibrary($pid));
        self::assertTrue($this->worker->fpm->master->isRunning());
    }

    /**
     * PHP lets the kernel send SIGPROF when max_execution_time has passed. Time in which a worker waits for a response does not count,
     * so the test sends the signal.
     *
     * @dataProvider versions
     */
    public function testMaxExecutionTimeEndsTheScriptAfterItsCall(string $http): void
    {
        $this->startAndHold($http, ['max_execution_time' => '300'], count: 2);
        $this->outOfTime();
        $this->server->release();

        self::assertStringContainsString('Maximum execution time of 300 seconds exceeded', $this->held->response());
        $next = $this->worker->send();
        self::assertSame($this->pid, $next['pid']);
        self::assertTrue($next['results'][0]['audit']['connection_reused']);
        self::assertSame([3], $this->server->requests(), 'the script made no second call');
    }

    /**
     * @dataProvider versions
     */
    public function testTheHardTimeoutEndsTheWorkerInItsCall(string $http): void
    {
        $this->startAndHold($http, ['max_execution_time' => '300', 'hard_timeout' => '300']);
        $this->outOfTime();
        posix_kill($this->pid, SIGPROF);
        $this->waitForLog('child ' . $this->pid . ' exited with code 124 ');
        $this->assertTheConnectionIsClosed();

        self::assertStringContainsString('Maximum execution time of 300+300 seconds exceeded', $this->worker->fpm->log());
        self::assertStringNotContainsString('"results"', $this->held->response());
        $this->assertTheNextWorkerSends([2, 1]);
    }

    /**
     * @param array<string, string|null> $ini
     * @param array<string, string> $pool
     */
    private function start(string $http, array $ini = [], array $pool = []): void
    {
        $this->server = self::$servers[$http];
        $this->server->holdTheSecond();
        if ($pool !== []) {
            $this->server->release();
        }
        $this->worker = new Worker($this->server, ini: $ini, pool: $pool);
    }

    /**
     * Starts one worker with one connection, and holds the response to its second call back.
     *
     * @param array<string, string|null> $ini
     * @param int $count calls that the script in the worker is to make
     */
    private function startAndHold(string $http, array $ini = [], int $count = 1): void
    {
        $this->start($http, $ini);
        $this->pid = $this->worker->send()['pid'];
        $this->held = $this->worker->start($count);
        $this->server->waitUntilHeld();
    }

    /** Sends the signal of max_execution_time, and returns when the worker has taken it. */
    private function outOfTime(): void
    {
        posix_kill($this->pid, SIGPROF);
        Poll::until(function (): bool {
            preg_match_all('/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/m', $this->proc('status'), $masks);
            $pending = array_sum(array_map(hexdec(...), $masks[1]));
            return count($masks[1]) === 2 && ($pending & 1 << SIGPROF - 1) === 0;
        }, 'SIGPROF in the worker');
    }

    private function assertTheHeldCallEndsWell(): void
    {
        self::assertSame([2], $this->server->requests());
        $this->server->release();
        $answer = $this->held->json();
        self::assertSame($this->pid, $answer['pid']);
        self::assertSame(200, $answer['results'][0]['status'] ?? $answer['results'][0]);
        self::assertTrue($answer['results'][0]['audit']['connection_reused']);
    }

    /** Releases the held response, and asserts that its connection is closed. */
    private function assertTheConnectionIsClosed(): void
    {
        $this->server->release();
        $this->server->waitUntilClosed(1);
        self::assertSame([2], $this->server->requests());
    }

    /**
     * @param list<int> $requests how many requests each connection has received after that
     */
    private function assertTheNextWorkerSends(array $requests): int
    {
        $next = $this->worker->send();
        self::assertNotSame($this->pid, $next['pid']);
        self::assertSame(200, $next['results'][0]['status'] ?? $next['results'][0]);
        self::assertFalse($next['results'][0]['audit']['connection_reused']);
        self::assertSame($requests, $this->server->requests(), 'no request was sent twice');
        return $next['pid'];
    }

    /**
     * The worker's file descriptors. SIGQUIT makes a worker replace the pool's socket by another one, which shows that the signal has
     * arrived.
     *
     * @return array<string, string|false>
     */
    private function sockets(): array
    {
        $sockets = [];
        foreach (glob('/proc/' . $this->pid . '/fd/*') ?: [] as $descriptor) {
            $sockets[$descriptor] = @readlink($descriptor);
        }
        return $sockets;
    }

    private function waitForLog(string $line): void
    {
        Poll::until(fn (): bool => str_contains($this->worker->fpm->log(), $line), 'the line "' . $line . '"');
    }

    private function proc(string $file): string
    {
        return (string) file_get_contents('/proc/' . $this->pid . '/' . $file);
    }
}
