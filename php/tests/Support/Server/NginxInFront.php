<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A real nginx on loopback that hands every request to one script of a php-fpm, with nginx's own settings of FastCGI.
 */
final class NginxInFront
{
    private const CONFIGURATION = <<<'CONF'
        daemon off;
        master_process off;
        pid %1$s/front.pid;
        error_log %1$s/front.log warn;
        events { worker_connections 64; }
        http {
            access_log off;
            client_body_temp_path %1$s/front-body;
            proxy_temp_path %1$s/front-proxy;
            fastcgi_temp_path %1$s/front-fastcgi;
            uwsgi_temp_path %1$s/front-uwsgi;
            scgi_temp_path %1$s/front-scgi;
            server {
                listen 127.0.0.1:%2$d;
                location / {
                    fastcgi_pass unix:%3$s;
                    fastcgi_param REQUEST_METHOD $request_method;
                    fastcgi_param CONTENT_LENGTH $content_length;
                    fastcgi_param CONTENT_TYPE $content_type;
                    fastcgi_param SCRIPT_FILENAME %4$s;
                }
            }
        }

        CONF;

    private readonly Process $process;
    private readonly int $port;

    public function __construct(TempDir $directory, string $socket, string $script)
    {
        $this->port = Port::free();
        $configuration = sprintf(self::CONFIGURATION, $directory->path, $this->port, $socket, $script);
        $this->process = new Process(
            ['nginx', '-c', $directory->write('front.conf', $configuration), '-p', $directory->path, '-e', $directory->path . '/front.log'],
            $directory->path . '/front.out',
        );
        $this->process->waitUntil(fn (): bool => Port::isOpen($this->port), 'nginx');
    }

    /**
     * Sends a request.
     *
     * @return resource a connection that does not block, on which the response comes
     */
    public function post(#[\SensitiveParameter] string $body)
    {
        $connection = stream_socket_client('tcp://127.0.0.1:' . $this->port) ?: throw new \RuntimeException('No nginx.');
        fwrite($connection, "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: " . strlen($body) . "\r\n\r\n" . $body);
        stream_set_blocking($connection, false);
        return $connection;
    }

    public function stop(): void
    {
        $this->process->stop();
    }
}
