<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

use Netresearch\NrVault\Outbound\Tests\Support\Server\ApiServer;

/**
 * A host with a php-fpm that has the library bound in one of the documented ways.
 */
final class Worker
{
    /** Title => [unprivileged master, FFI::load in the preload script]. */
    public const BINDINGS = [
        'ffi.preload under a root master' => [false, false],
        'ffi.preload under an unprivileged master' => [true, false],
        'FFI::load under an unprivileged master' => [true, true],
    ];

    public readonly Host $host;
    public readonly Fpm $fpm;

    /**
     * @param array<string, string|null> $ini replaces settings; null removes one
     * @param list<string> $extensions see Host::iniFile()
     * @param array<string, string> $pool further settings of the pool
     * @param string $script the script of the package that is preloaded
     */
    public function __construct(
        private readonly ApiServer $upstream,
        bool $unprivileged = false,
        bool $load = false,
        int $workers = 1,
        array $ini = [],
        array $extensions = [],
        array $pool = [],
        string $script = 'preload.php',
    ) {
        $this->host = new Host();
        $environment = $this->host->environment($load);
        $settings = $ini + $this->host->ini($load, $script);
        $this->fpm = new Fpm($settings, $unprivileged, $workers, $environment, $extensions, $pool);
    }

    /** Starts app/send.php in a worker; see Host::input(). */
    public function start(int $count = 1, string $path = '/echo', ?string $hold = null): FastCgiRequest
    {
        return $this->run('send.php', $this->host->input($this->upstream, $count, $path, $hold));
    }

    /**
     * Runs app/send.php in a worker and returns its report.
     *
     * @return array{pid: int, sapi: string, results: list<array<string, mixed>>}
     */
    public function send(int $count = 1, string $path = '/echo'): array
    {
        return $this->start($count, $path)->json();
    }

    /** Starts another script of the host in a worker. */
    public function run(string $script, #[\SensitiveParameter] string $input = ''): FastCgiRequest
    {
        return $this->fpm->request($this->host->app . '/' . $script, $input);
    }

    public function stop(): void
    {
        $this->fpm->stop();
        $this->host->remove();
    }
}
