<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A real php-fpm of the PHP version that runs the tests, with one pool on a Unix socket. It does not read Debian's configuration.
 */
final class Fpm
{
    public const USER = 'www-data';

    /** The PHP version as it is in Debian's names of programs and directories. */
    public const VERSION = PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;

    private const CONFIGURATION = <<<'CONF'
        [global]
        daemonize = no
        error_log = %1$s/fpm.log
        %4$s
        [www]
        user = %2$s
        listen = %1$s/fpm.sock
        listen.mode = 0666
        pm = static
        pm.max_children = %3$d
        catch_workers_output = yes

        CONF;

    public readonly Process $master;
    public readonly string $socket;
    public readonly string $file;
    private readonly TempDir $directory;

    /**
     * @param array<string, string|null> $ini the settings of php.ini; null removes one
     * @param bool $unprivileged the master runs as www-data instead of root
     * @param array<string, string> $environment of the master
     * @param list<string> $extensions see Host::iniFile()
     * @param array<string, string> $pool further settings of the pool
     * @param string $global a line for the section [global]
     */
    public function __construct(
        array $ini,
        bool $unprivileged = false,
        int $workers = 1,
        array $environment = [],
        array $extensions = [],
        array $pool = [],
        string $global = 'process_control_timeout = 60s',
    ) {
        $this->directory = new TempDir('fpm');
        $path = $this->directory->path;
        if (posix_geteuid() !== 0) {
            throw new \RuntimeException('These tests start masters as root and as www-data: run them as root.');
        }
        if ($unprivileged) {
            chown($path, self::USER);
        }
        $this->socket = $path . '/fpm.sock';
        $iniFile = Host::iniFile($this->directory, $ini, $extensions);
        $configuration = sprintf(self::CONFIGURATION, $path, self::USER, $workers, $global);
        foreach ($pool as $name => $value) {
            $configuration .= $name . ' = ' . $value . "\n";
        }
        $this->file = $this->directory->write('fpm.conf', $configuration);
        $this->master = new Process(
            ['php-fpm' . self::VERSION, '-F', '-c', $iniFile, '-y', $this->file],
            $path . '/fpm.out',
            $environment + Host::ONLY_THIS_INI,
            $unprivileged ? self::USER : null,
        );
        $this->master->waitUntil(fn (): bool => is_file($path . '/fpm.log') && file_exists($this->socket)
            && str_contains($this->log(), 'ready to handle connections'), 'php-fpm');
    }

    /** Runs a script in a worker. */
    public function request(string $script, #[\SensitiveParameter] string $body = ''): FastCgiRequest
    {
        return new FastCgiRequest($this->socket, $script, $body);
    }

    public function log(): string
    {
        return (string) @file_get_contents($this->directory->path . '/fpm.log') . $this->master->log();
    }

    public function stop(): void
    {
        $this->master->stop();
        $this->directory->remove();
    }
}
