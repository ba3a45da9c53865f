<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A token endpoint with the certificate of an upstream. Its nth response has the token "token-n".
 */
final class TokenEndpoint
{
    /** The URL of the endpoint, to which the configuration of config() allows connections. */
    public readonly string $url;

    private readonly TempDir $directory;
    private readonly Process $process;
    private readonly int $port;

    public function __construct(private readonly Upstream $upstream)
    {
        $this->directory = new TempDir('token-endpoint');
        $path = $this->directory->path;
        $this->process = new Process(
            ['python3', __DIR__ . '/token-endpoint.py', $path, $upstream->tls->certificate, $upstream->tls->key],
            $path . '/log',
        );
        $this->process->waitUntil(static fn (): bool => is_file($path . '/port'), 'the token endpoint');
        $this->port = (int) file_get_contents($path . '/port');
        $this->url = 'https://127.0.0.1:' . $this->port . '/token';
    }

    /**
     * A configuration that allows connections to the upstream and to this endpoint.
     *
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    public function config(#[\SensitiveParameter] array $more = []): array
    {
        $config = $this->upstream->config($more);
        $config['internal_hosts'][] = ['host' => '127.0.0.1', 'networks' => ['127.0.0.0/8'], 'ports' => [$this->port]];
        return $config;
    }

    /** Holds the response to the nth request, counted from 1, back until release(). */
    public function hold(int $number): void
    {
        $this->directory->write('hold-' . $number, '');
    }

    public function release(int $number): void
    {
        unlink($this->directory->path . '/hold-' . $number);
    }

    /**
     * The requests, in the order in which they arrived.
     *
     * @return list<array{path: string, authorization: string|null, form: array<string, string>}>
     */
    public function requests(): array
    {
        $lines = @file($this->directory->path . '/requests', FILE_IGNORE_NEW_LINES) ?: [];
        return array_map(static fn (string $line): array => (array) json_decode($line, true), $lines);
    }

    public function stop(): void
    {
        $this->process->stop();
        $this->directory->remove();
    }
}
