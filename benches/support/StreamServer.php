<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;

/**
 * The API of the benches of streams: an nginx with TLS 1.3, with one port for HTTP/2 and one for HTTP/1.1, that has large files and
 * buffers nothing of what stream/server.py behind it gets and sends; and the directory of a host with its services.
 */
final class StreamServer
{
    private const SIZES = [1, 10_000_000, 25_000_000, 100_000_000, 200_000_000];

    /** How long a round trip to the same server takes from far away, in milliseconds. */
    private const FAR = 80;

    /** @var array<string, int> by HTTP version */
    private readonly array $ports;

    /** @var list<Process> */
    private array $processes = [];

    private readonly FarNetwork $far;

    /**
     * @param Api $api whose certificate, credential and host the server has as well
     */
    public function __construct(private readonly Api $api)
    {
        $this->ports = ['2' => Port::free(), '1.1' => Port::free()];
        $path = $api->directory->path;
        mkdir($path . '/files');
        mkdir($path . '/stream-log');
        foreach (self::SIZES as $size) {
            $file = fopen($path . '/files/' . $size, 'w') ?: throw new \RuntimeException('There is no file.');
            ftruncate($file, $size);
        }
        $this->far = new FarNetwork($api->directory, self::FAR);
        $this->start();
        $configuration = $api->configuration();
        array_push($configuration['internal_hosts'][0]['ports'], ...array_values($this->ports));
        $configuration['internal_hosts'][0]['networks'][] = FarNetwork::NETWORK;
        $limits = ['limits' => ['response_bytes' => 1 << 30, 'request_bytes' => 1 << 30]];
        $api->directory->write('stream/transport.json', (string) json_encode($configuration + $limits));
        $api->directory->write('stream/vault/api_key', $api->envelope . "\n");
        $api->directory->write('stream/services.json', (string) json_encode(['version' => 1, 'services' => [
            'stream-2' => $this->service('2', 'rust'),
            'stream-1.1' => $this->service('1.1', 'rust'),
            'stream-php' => $this->service('1.1', 'php'),
        ]]));
    }

    /**
     * The input of stream/client.php that is the same for all tasks.
     *
     * @return array<string, string>
     */
    public function input(string $http): array
    {
        $path = $this->api->directory->path;
        return [
            'host' => $path . '/stream',
            'log' => $path . '/stream-log/audit.jsonl',
            'url' => $this->url($http),
            'far' => FarNetwork::SERVER,
            'authority' => $this->api->tls->authority,
            'token' => $this->api->token,
            'files' => $path . '/files',
            'sink' => $path . '/sink',
        ];
    }

    /**
     * What has to stand before the command of a client that is far away.
     *
     * @return list<string>
     */
    public function farRunner(): array
    {
        return $this->far->runner('client');
    }

    public function stop(): void
    {
        array_map(static fn (Process $process) => $process->stop(), $this->processes);
        $this->far->stop();
    }

    private function url(string $http): string
    {
        return 'https://localhost:' . $this->ports[$http] . '/v1';
    }

    /**
     * @return array<string, mixed>
     */
    private function service(string $http, string $transport): array
    {
        return [
            'base_url' => $this->url($http),
            'policy' => ['allowed_methods' => ['GET', 'POST'], 'response_bytes' => 1 << 30, 'request_bytes' => 1 << 30, 'timeout_ms' => 300_000],
            'credentials' => [['identifier' => 'api_key', 'type' => 'bearer']],
            'transport' => $transport,
        ];
    }

    private function start(): void
    {
        [$path, $backend] = [$this->api->directory->path, Port::free()];
        $servers = $far = '';
        foreach ($this->ports as $http => $port) {
            $servers .= sprintf("server { listen 127.0.0.1:%d ssl%s; server_name localhost;\n", $port, (string) $http === '2' ? ' http2' : '')
                . "location /v1/files/ { alias $path/files/; }\n"
                . "location / { proxy_pass http://127.0.0.1:$backend; proxy_http_version 1.1; proxy_buffering off;\n"
                . "proxy_request_buffering off; client_max_body_size 0; } }\n";
            $far .= sprintf("server { listen %s:%d ssl%s; server_name localhost;\n", FarNetwork::SERVER, $port, (string) $http === '2' ? ' http2' : '')
                . "location /v1/files/ { alias $path/files/; } }\n";
        }
        $script = dirname(__DIR__) . '/stream/server.py';
        $this->processes = [
            new Process(['python3', '-B', $script, (string) $backend], $path . '/stream-server.out'),
            $this->nginx('stream', $servers, []),
            $this->nginx('far', $far, $this->far->runner('server')),
        ];
        $this->processes[2]->waitUntil(static fn (): bool => is_file($path . '/far.pid'), 'the server that is far away');
        foreach ([$backend, ...array_values($this->ports)] as $port) {
            $this->processes[0]->waitUntil(static fn (): bool => Port::isOpen($port), 'the server of streams');
        }
    }

    /**
     * @param list<string> $runner a command that runs nginx
     */
    private function nginx(string $name, string $servers, array $runner): Process
    {
        $path = $this->api->directory->path;
        $configuration = $this->api->directory->write($name . '.conf', <<<CONF
            daemon off;
            master_process off;
            pid $path/$name.pid;
            error_log $path/$name.log warn;
            events { }
            http {
                access_log off;
                client_body_temp_path $path/$name-body;
                proxy_temp_path $path/$name-proxy;
                fastcgi_temp_path $path/$name-fastcgi;
                uwsgi_temp_path $path/$name-uwsgi;
                scgi_temp_path $path/$name-scgi;
                ssl_certificate {$this->api->tls->certificate};
                ssl_certificate_key {$this->api->tls->key};
                ssl_protocols TLSv1.3;
                $servers
            }
            CONF);
        return new Process([...$runner, 'nginx', '-c', $configuration, '-p', $path, '-e', "$path/$name.log"], "$path/$name.out");
    }
}
