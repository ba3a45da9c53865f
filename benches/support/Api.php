<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * The API that the benches call, and the directory of a host with its services: one nginx with TLS 1.3, with one port for HTTP/2 and one
 * for HTTP/1.1. It always sends the same small response, so that it uses little time itself.
 */
final class Api
{
    /** The IDs of the host's services, by HTTP version. */
    public const SERVICES = ['2' => 'api-2', '1.1' => 'api-1.1'];

    /** The policy of each service. */
    public const POLICY = [
        'allowed_methods' => ['GET', 'POST'],
        'allowed_paths' => ['/v1/charges/**', '/v1/customers/{id}/notes'],
    ];

    /** The length of the response's body. */
    private const BYTES = 200;

    public readonly TempDir $directory;
    public readonly Certificates $tls;

    /** @var array<string, int> by HTTP version */
    public readonly array $ports;

    /** The token in the host's envelope. */
    public readonly string $token;

    public readonly string $envelope;

    private readonly Process $nginx;

    /**
     * @param list<string> $runner a command that runs nginx, such as taskset with its arguments
     */
    public function __construct(private readonly array $runner = [])
    {
        $this->directory = new TempDir('bench');
        $this->tls = new Certificates($this->directory);
        $this->ports = ['2' => Port::free(), '1.1' => Port::free()];
        $this->nginx = $this->nginx();
        // Fixed texts, because the number of instructions depends on the characters: HPACK's codes have different lengths, and JSON
        // escapes slashes.
        $key = hash('sha256', 'key', true);
        $this->token = 'sk-' . hash('sha1', 'token');
        $fields = (new Sealer($key))->fields(
            'api_key',
            (string) json_encode(['token' => $this->token]),
            hash('sha256', 'data key', true),
            substr(hash('sha256', 'nonce of the key', true), 0, 24),
            substr(hash('sha256', 'nonce of the value', true), 0, 24),
        );
        $this->envelope = 'nrv1:' . base64_encode((string) json_encode($fields));
        $this->directory->write('host/vault/api_key', $this->envelope . "\n");
        $this->directory->write('host/key', base64_encode($key) . "\n", 0400);
        $this->directory->write('host/transport.json', (string) json_encode($this->configuration()));
        $this->directory->write('host/services.json', (string) json_encode([
            'version' => 1,
            'services' => array_combine(self::SERVICES, array_map($this->service(...), $this->ports)),
        ]));
    }

    /** The host's directory, for SecureOutbound::fromDirectory(). */
    public function host(): string
    {
        return $this->directory->path . '/host';
    }

    public function url(string $http): string
    {
        return 'https://localhost:' . $this->ports[$http] . '/v1';
    }

    /**
     * The configuration document.
     *
     * @return array<string, mixed>
     */
    public function configuration(): array
    {
        return [
            'version' => 1,
            'master_keys' => [['provider' => 'file', 'path' => $this->host() . '/key']],
            'internal_hosts' => [
                ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => array_values($this->ports)],
            ],
            'tls' => ['roots' => 'file', 'ca_file' => $this->tls->authority],
        ];
    }

    public function stop(): void
    {
        $this->nginx->stop();
        $this->directory->remove();
    }

    /**
     * @return array<string, mixed>
     */
    private function service(int $port): array
    {
        return [
            'base_url' => 'https://localhost:' . $port . '/v1',
            'policy' => self::POLICY,
            'credentials' => [['identifier' => 'api_key', 'type' => 'bearer']],
        ];
    }

    private function nginx(): Process
    {
        $path = $this->directory->path;
        $server = static fn (string $http, int $port): string => sprintf(
            'server { listen 127.0.0.1:%d ssl%s; server_name localhost; location / { return 200 "%s"; } }' . "\n",
            $port,
            $http === '2' ? ' http2' : '',
            str_repeat('x', self::BYTES),
        );
        $servers = implode('', array_map($server, array_map(strval(...), array_keys($this->ports)), $this->ports));
        $configuration = $this->directory->write('nginx.conf', <<<CONF
            daemon off;
            master_process off;
            pid $path/nginx.pid;
            error_log $path/error.log warn;
            events { }
            http {
                access_log off;
                keepalive_requests 1000000;
                client_body_temp_path $path/body;
                proxy_temp_path $path/proxy;
                fastcgi_temp_path $path/fastcgi;
                uwsgi_temp_path $path/uwsgi;
                scgi_temp_path $path/scgi;
                ssl_certificate {$this->tls->certificate};
                ssl_certificate_key {$this->tls->key};
                ssl_protocols TLSv1.3;
                $servers
            }
            CONF);
        $command = [...$this->runner, 'nginx', '-c', $configuration, '-p', $path, '-e', $path . '/error.log'];
        $nginx = new Process($command, $path . '/nginx.out');
        $ports = $this->ports;
        $nginx->waitUntil(static fn (): bool => array_filter($ports, Port::isOpen(...)) === $ports, 'nginx');
        return $nginx;
    }
}
