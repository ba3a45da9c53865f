<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A real HTTP proxy on loopback.
 */
final class Tinyproxy
{
    public readonly int $port;
    private readonly Process $process;
    private readonly string $log;

    /**
     * @param string $lines further lines of its configuration
     */
    public function __construct(TempDir $directory, string $lines = '')
    {
        $this->port = Port::free();
        $base = 'tinyproxy-' . $this->port;
        $this->log = $directory->path . '/' . $base . '.log';
        $configuration = $directory->write($base . '.conf', implode("\n", [
            'Port ' . $this->port,
            'Listen 127.0.0.1',
            'Timeout 60',
            'MaxClients 20',
            'LogLevel Connect',
            'LogFile "' . $this->log . '"',
            $lines,
            '',
        ]));
        $this->process = new Process(['tinyproxy', '-d', '-c', $configuration], $this->log . '.out');
        $port = $this->port;
        $this->process->waitUntil(static fn (): bool => Port::isOpen($port), 'tinyproxy');
    }

    /** The URL of the proxy, with this userinfo before the host. */
    public function url(#[\SensitiveParameter] string $userinfo = ''): string
    {
        return 'http://' . $userinfo . '127.0.0.1:' . $this->port;
    }

    /** The targets of the CONNECT requests that the proxy received, as "host:port". */
    public function tunnels(): array
    {
        preg_match_all('/CONNECT (\S+) /', (string) file_get_contents($this->log), $matches);
        return $matches[1];
    }

    public function stop(): void
    {
        $this->process->stop();
    }
}
