<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\PhpServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;
use PHPUnit\Framework\TestCase;

/**
 * A worker whose connection to the sidecar outlives its PHP requests, and PHP requests that end in the middle of a call. The next one
 * of the same worker must never read what was meant for the last.
 *
 * @group root
 */
final class SidecarTest extends TestCase
{
    private Host $host;
    private FaultServer $server;
    private Sidecar $sidecar;
    private PhpServer $php;

    protected function setUp(): void
    {
        $this->host = new Host();
        $this->server = new FaultServer($this->host->directory);
        $tls = new Certificates($this->host->directory, 'api');
        $port = $this->server->listen('api', ['certificate' => $tls->certificate, 'key' => $tls->key, 'alpn' => ['http/1.1']]);
        $this->sidecar = new Sidecar(
            [
                'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]]],
                'tls' => ['roots' => 'file', 'ca_file' => $tls->authority],
            ],
            ['shop' => ['base_url' => 'https://localhost:' . $port, 'policy' => ['allowed_methods' => ['POST']]]],
        );
        $this->php = new PhpServer($this->host->app, $this->host->ini());
    }

    protected function tearDown(): void
    {
        $this->php->stop();
        $this->sidecar->stop();
        $this->server->stop();
        $this->host->remove();
    }

    public function testAWorkerKeepsItsConnection(): void
    {
        $this->server->answers('api', ...array_map(
            static fn (int $number): array => [FaultServer::answer(body: (string) $number)],
            range(1, 5),
        ));
        $bodies = array_map(fn (): string => $this->call('/a')['body'], range(1, 5));

        self::assertSame(['1', '2', '3', '4', '5'], $bodies);
        self::assertSame(1, $this->connectionsOfPhp());
    }

    /**
     * @testWith ["exit"]
     *           ["fatal"]
     *           ["exception"]
     *           ["shutdown"]
     */
    public function testWhatACallWasLeftWithReachesNoOther(string $how): void
    {
        $this->server->script('api', [['read'], ['hold'], FaultServer::answer(body: 'of the first')]);
        $worker = $this->call('/warm-up', release: true)['pid'];
        $this->server->script(
            'api',
            [['read'], ['hold'], FaultServer::answer(body: 'of the first')],
            [['read'], FaultServer::answer(body: 'of the second')],
        );
        $ender = pcntl_fork();
        if ($ender === 0) {
            try {
                $this->server->wait('api', 'holding');
                posix_kill($worker, SIGUSR1);
            } finally {
                posix_kill((int) getmypid(), SIGKILL);
            }
        }
        $this->send('/first', $how);
        pcntl_waitpid($ender, $status);
        $second = $this->call('/second');

        self::assertSame(['of the second', $worker], [$second['body'], $second['pid']]);
        Poll::until(fn (): bool => in_array('cancelled', array_column($this->sidecar->records(), 'outcome'), true), 'its end');
    }

    /** The open connections of php -S to the sidecar, as the kernel sees them. */
    private function connectionsOfPhp(): int
    {
        $lines = file('/proc/net/unix', FILE_IGNORE_NEW_LINES) ?: [];
        // The sidecar's ends have its path: the listening one, and one for each connection.
        return count(array_filter($lines, fn (string $line): bool => str_ends_with($line, ' ' . $this->sidecar->socket))) - 1;
    }

    /**
     * @return array{body: string, pid: int}
     */
    private function call(string $path, bool $release = false): array
    {
        if ($release) {
            $child = pcntl_fork();
            if ($child === 0) {
                try {
                    $this->server->wait('api', 'holding');
                    $this->server->release('api');
                } finally {
                    posix_kill((int) getmypid(), SIGKILL);
                }
            }
        }
        $answer = $this->php->json('sidecar.php', $this->input($path, ''));
        if (isset($child)) {
            pcntl_waitpid($child, $status);
        }
        return $answer;
    }

    /** A call that is left; what PHP says to that is its own matter. */
    private function send(string $path, string $how): void
    {
        try {
            $this->php->json('sidecar.php', $this->input($path, $how));
        } catch (\RuntimeException) {
            // A fatal error has no document.
        }
    }

    private function input(string $path, string $how): string
    {
        return (string) json_encode(['config' => $this->sidecar->config(), 'path' => $path, 'left' => $how]);
    }
}
