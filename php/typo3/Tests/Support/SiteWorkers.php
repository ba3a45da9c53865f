<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A site behind nginx and php-fpm workers that preload the library, as on a production host. Sites may share a pool of workers.
 */
final class SiteWorkers
{
    private const NGINX = <<<'CONF'
        daemon off;
        master_process off;
        pid %1$s/nginx.pid;
        events { worker_connections 64; }
        http {
            access_log %1$s/access.log;
            client_body_temp_path %1$s/body;
            proxy_temp_path %1$s/proxy;
            fastcgi_temp_path %1$s/fastcgi;
            uwsgi_temp_path %1$s/uwsgi;
            scgi_temp_path %1$s/scgi;
            types { text/css css; application/javascript js; image/svg+xml svg; text/html html; }
            server {
                listen 127.0.0.1:%2$d;
                root %3$s/public;
                location / { try_files $uri /index.php$is_args$args; }
                location ~ ^/index\.php$ {
                    fastcgi_pass unix:%4$s;
                    fastcgi_read_timeout 600s;
                    fastcgi_buffers 16 64k;
                    fastcgi_buffer_size 64k;
                    fastcgi_param SCRIPT_FILENAME $realpath_root/index.php;
                    fastcgi_param SCRIPT_NAME /index.php;
                    fastcgi_param DOCUMENT_ROOT $realpath_root;
                    fastcgi_param REQUEST_METHOD $request_method;
                    fastcgi_param REQUEST_URI $request_uri;
                    fastcgi_param QUERY_STRING $query_string;
                    fastcgi_param CONTENT_TYPE $content_type;
                    fastcgi_param CONTENT_LENGTH $content_length;
                    fastcgi_param SERVER_PROTOCOL $server_protocol;
                    fastcgi_param SERVER_NAME $host;
                    fastcgi_param SERVER_PORT 80;
                    fastcgi_param REMOTE_ADDR $remote_addr;
                }
            }
        }

        CONF;

    /** Extensions of PHP that TYPO3 requires. */
    private const EXTENSIONS = [
        'ctype', 'curl', 'dom', 'fileinfo', 'iconv', 'intl', 'mbstring', 'mysqlnd', 'mysqli', 'pdo', 'pdo_sqlite', 'phar', 'posix',
        'simplexml', 'sodium', 'tokenizer', 'xml', 'xmlreader', 'xmlwriter',
    ];

    public readonly Fpm $fpm;
    private readonly Process $nginx;
    private readonly int $port;
    private readonly string $path;

    /**
     * @param int $workers how many of them
     * @param self|null $pool whose workers serve this site too
     * @param string|null $root the root of the project as nginx has it, such as a link to the current release; null: the site's
     */
    public function __construct(
        Site $site,
        Installation $installation,
        TempDir $directory,
        int $workers = 1,
        private readonly ?self $pool = null,
        ?string $root = null,
    ) {
        $this->fpm = $pool === null ? self::start($installation, $workers) : $pool->fpm;
        $this->port = Port::free();
        $this->path = $directory->path . '/nginx-' . $this->port;
        $path = $this->path;
        $file = $directory->write(basename($path) . '/nginx.conf', sprintf(
            self::NGINX,
            $path,
            $this->port,
            $root ?? $site->path,
            $this->fpm->socket,
        ));
        $this->nginx = new Process(['nginx', '-c', $file, '-p', $path, '-e', $path . '/error.log'], $path . '/nginx.out');
        $this->nginx->waitUntil(fn (): bool => Port::isOpen($this->port), 'nginx');
    }

    private static function start(Installation $installation, int $workers): Fpm
    {
        return new Fpm(
            [
                'ffi.enable' => 'preload',
                'ffi.preload' => $installation->header,
                // What a test writes into a site's settings counts for the next request.
                'opcache.revalidate_freq' => '0',
                'opcache.preload' => $installation->php . '/preload.php',
                'opcache.preload_user' => Fpm::USER,
                'memory_limit' => '256M',
            ],
            workers: $workers,
            extensions: self::EXTENSIONS,
            pool: ['env[TYPO3_CONTEXT]' => 'Production'],
        );
    }

    /** A browser without a session. */
    public function browser(): Browser
    {
        return new Browser($this->url());
    }

    /** The URL of the site, without a path. */
    public function url(): string
    {
        return 'http://127.0.0.1:' . $this->port;
    }

    /** The logs of php-fpm and nginx. */
    public function log(): string
    {
        $log = $this->fpm->log();
        foreach (['access.log', 'error.log', 'nginx.out'] as $name) {
            $log .= @file_get_contents($this->path . '/' . $name);
        }
        return $log;
    }

    public function stop(): void
    {
        $this->nginx->stop();
        if ($this->pool === null) {
            $this->fpm->stop();
        }
    }
}
