<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * The API that the tests call: nginx with TLS and HTTP/2 on loopback, in front of echo.php.
 */
final class Upstream implements ApiServer
{
    /** Timeouts so long that none ends a call on a busy machine. */
    public const PATIENCE = ['defaults' => ['timeout_ms' => 300_000, 'connect_timeout_ms' => 300_000]];

    public readonly Certificates $tls;
    public readonly Nginx $nginx;
    private readonly TempDir $directory;
    private readonly Process $backend;

    /** @var resource a listening socket that never accepts a connection */
    private $silent;

    public function __construct()
    {
        $this->directory = new TempDir('upstream');
        $this->tls = new Certificates($this->directory);
        $this->silent = stream_socket_server('tcp://127.0.0.1:0');
        $port = Port::free();
        $this->backend = new Process(
            [PHP_BINARY, '-S', '127.0.0.1:' . $port, __DIR__ . '/echo.php'],
            $this->directory->path . '/echo.log',
        );
        $this->backend->waitUntil(static fn (): bool => Port::isOpen($port), 'the echo server');
        $this->nginx = new Nginx($this->directory, $this->tls, $port, Port::of($this->silent));
    }

    /** The base URL "https://localhost:PORT/v1". */
    public function url(string $http = '2', string $tls = '1.3'): string
    {
        return 'https://localhost:' . $this->nginx->port($http, $tls) . '/v1';
    }

    public function config(#[\SensitiveParameter] array $more = []): array
    {
        return $more + self::PATIENCE + [
            'version' => 1,
            'internal_hosts' => [
                ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => $this->nginx->ports()],
            ],
            'tls' => ['roots' => 'file', 'ca_file' => $this->tls->authority],
        ];
    }

    public function stop(): void
    {
        $this->nginx->stop();
        $this->backend->stop();
        $this->directory->remove();
    }
}
