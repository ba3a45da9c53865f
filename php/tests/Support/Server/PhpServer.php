<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * PHP's built-in web server, which is restricted by ffi.enable=preload as php-fpm is.
 */
final class PhpServer
{
    private readonly Process $process;
    private readonly TempDir $directory;
    private readonly int $port;

    /**
     * @param string $root directory of the scripts
     * @param array<string, string|null> $ini
     */
    public function __construct(string $root, array $ini)
    {
        $this->directory = new TempDir('server');
        $this->port = Port::free();
        $this->process = new Process(
            [PHP_BINARY, '-c', Host::iniFile($this->directory, $ini), '-S', '127.0.0.1:' . $this->port, '-t', $root],
            $this->directory->path . '/server.log',
            Host::ONLY_THIS_INI,
        );
        $this->process->waitUntil(fn (): bool => Port::isOpen($this->port), 'php -S');
    }

    /**
     * @return array<string, mixed>
     */
    public function json(string $script, #[\SensitiveParameter] string $body = ''): array
    {
        $context = stream_context_create(['http' => [
            'method' => $body === '' ? 'GET' : 'POST',
            'header' => 'Content-Type: application/octet-stream',
            'content' => $body,
            'ignore_errors' => true,
        ]]);
        $answer = (string) file_get_contents('http://127.0.0.1:' . $this->port . '/' . $script, false, $context);
        return json_decode($answer, true) ?? throw new \RuntimeException($answer . $this->process->log());
    }

    public function stop(): void
    {
        $this->process->stop();
        $this->directory->remove();
    }
}
