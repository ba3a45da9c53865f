<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A real nginx on loopback, with one port for each HTTP version and TLS version, all in front of the same HTTP server.
 */
final class Nginx
{
    private const HEAD = <<<'CONF'
        daemon off;
        master_process off;
        pid %1$s/nginx.pid;
        error_log %1$s/error.log warn;
        events { worker_connections 512; }
        http {
            log_format seen '$request_method $request_uri';
            access_log %1$s/access.log seen;
            log_format received escape=json '{"uri": "$request_uri", "body": "$request_body", "protocol": "$server_protocol",'
                ' "authorization": "$http_authorization", "x-api-key": "$http_x_api_key", "x-secret": "$http_x_secret"}';
            access_log %1$s/received.log received;
            client_body_temp_path %1$s/body;
            proxy_temp_path %1$s/proxy;
            fastcgi_temp_path %1$s/fastcgi;
            uwsgi_temp_path %1$s/uwsgi;
            scgi_temp_path %1$s/scgi;
            client_max_body_size 64m;
            keepalive_requests 100000;
            ssl_certificate %2$s;
            ssl_certificate_key %3$s;
            proxy_buffering on;
            proxy_read_timeout 600s;

        CONF;

    private const SERVER = <<<'CONF'
            server {
                listen 127.0.0.1:%1$d ssl%2$s;
                %6$s
                server_name localhost;
                ssl_protocols TLSv%3$s;
                location / {
                    proxy_pass http://127.0.0.1:%4$d;
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Seen-Protocol $server_protocol;
                    proxy_set_header X-Seen-Tls $ssl_protocol;
                    proxy_set_header X-Seen-Port $remote_port;
                }
                location ~ /silent$ {
                    proxy_pass http://127.0.0.1:%5$d;
                }
            }

        CONF;

    private const NEXT = <<<'CONF'
            server {
                listen 127.0.0.1:%d;
                access_log off;
                return 204;
            }

        CONF;

    private readonly Process $process;

    /** Of a server whose requests are not among the others'. */
    private readonly int $next;

    /** @var array<string, int> by HTTP version and TLS version, such as "2/1.3" */
    private array $ports = [];

    /**
     * @param int $backend port of the HTTP server behind nginx
     * @param int $silent port of a server that never responds, for paths that end in /silent
     */
    public function __construct(private readonly TempDir $directory, Certificates $tls, int $backend, int $silent)
    {
        $configuration = sprintf(self::HEAD, $directory->path, $tls->certificate, $tls->key);
        $ipv6 = Port::hasIpv6();
        foreach (['2', '1.1'] as $http) {
            foreach (['1.2', '1.3'] as $version) {
                $port = Port::free();
                $this->ports[$http . '/' . $version] = $port;
                $http2 = $http === '2' ? ' http2' : '';
                $second = $ipv6 ? 'listen [::1]:' . $port . ' ssl' . $http2 . ';' : '';
                $configuration .= sprintf(self::SERVER, $port, $http2, $version, $backend, $silent, $second);
            }
        }
        $this->next = Port::free();
        $file = $directory->write('nginx.conf', $configuration . sprintf(self::NEXT, $this->next) . "}\n");
        $this->process = new Process(
            ['nginx', '-c', $file, '-p', $directory->path, '-e', $directory->path . '/error.log'],
            $directory->path . '/nginx.out',
        );
        $last = $port;
        $this->process->waitUntil(static fn (): bool => Port::isOpen($last), 'nginx');
    }

    public function port(string $http = '2', string $tls = '1.3'): int
    {
        return $this->ports[$http . '/' . $tls];
    }

    /**
     * @return list<int>
     */
    public function ports(): array
    {
        return array_values($this->ports);
    }

    /**
     * The requests to which nginx has responded, as "METHOD URI".
     *
     * @return list<string>
     */
    public function seen(): array
    {
        return $this->lines('access.log');
    }

    /**
     * URI, body and credentials of the same requests, in the same order.
     *
     * @return list<array<string, string>>
     */
    public function received(): array
    {
        $parsed = static fn (string $line): array => json_decode($line, true, 8, JSON_THROW_ON_ERROR);
        return array_map($parsed, $this->lines('received.log'));
    }

    /**
     * nginx writes a line behind the response. It is one process, so whatever it has responded to before has its line when it responds again.
     *
     * @return list<string>
     */
    private function lines(string $log): array
    {
        // One that was stopped has written all.
        $stream = @stream_socket_client('tcp://127.0.0.1:' . $this->next);
        if ($stream !== false) {
            fwrite($stream, "GET / HTTP/1.0\r\n\r\n");
            stream_get_contents($stream);
            fclose($stream);
        }
        return file($this->directory->path . '/' . $log, FILE_IGNORE_NEW_LINES) ?: [];
    }

    public function stop(): void
    {
        $this->process->stop();
    }
}
