<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A daemon in a directory of its own.
 */
final class Sidecar
{
    public readonly string $socket;

    private readonly TempDir $directory;

    private Process $process;

    private int $starts = 0;

    /** @var array<string, string> the envelopes by their identifiers */
    private array $envelopes = [];

    /**
     * @param array<string, mixed> $outbound configuration of its engine
     * @param array<string, mixed> $services as its configuration has them
     * @param array<string, mixed> $more keys of its configuration
     */
    public function __construct(
        #[\SensitiveParameter] private readonly array $outbound,
        private array $services,
        private readonly array $more = [],
    ) {
        $this->directory = new TempDir('sidecar');
        mkdir($this->directory->path . '/vault');
        $this->socket = $this->directory->path . '/v1.sock';
        $this->configure();
        $this->start();
    }

    /**
     * The configuration with which PHP asks it.
     *
     * @return array<string, mixed>
     */
    public function config(): array
    {
        return Upstream::PATIENCE + ['sidecar' => ['socket' => $this->socket]];
    }

    public function start(): void
    {
        $this->process = new Process(
            [Build::sidecar(), '--config', $this->directory->path . '/sidecar.json', '--listen', $this->socket, '--mode', '0666'],
            $this->directory->path . '/sidecar.log',
        );
        $starts = ++$this->starts;
        $this->process->waitUntil(
            fn (): bool => substr_count($this->process->log(), 'is ready') === $starts,
            'the sidecar',
        );
    }

    /**
     * Replaces its services and envelopes, if they are others.
     *
     * @param array<string, mixed> $services
     * @param array<string, string> $envelopes by identifier
     */
    public function serve(array $services, array $envelopes): void
    {
        if ([$services, $envelopes] == [$this->services, $this->envelopes]) {
            return;
        }
        [$this->services, $this->envelopes] = [$services, $envelopes];
        $this->configure();
        $read = substr_count($this->process->log(), 'configuration');
        posix_kill($this->process->pid, SIGHUP);
        Poll::until(fn (): bool => substr_count($this->process->log(), 'configuration') > $read, 'the sidecar reads anew');
    }

    public function signal(int $signal): void
    {
        posix_kill($this->process->pid, $signal);
    }

    /** Waits until it has ended. */
    public function join(): void
    {
        Poll::until(fn (): bool => !$this->process->isRunning(), 'the end of the sidecar');
    }

    /** @return list<array<string, mixed>> the lines of its records */
    public function records(): array
    {
        $lines = file($this->directory->path . '/audit.jsonl', FILE_IGNORE_NEW_LINES) ?: [];
        return array_map(static fn (string $line): array => json_decode($line, true), $lines);
    }

    public function log(): string
    {
        return $this->process->log();
    }

    public function stop(): void
    {
        $this->process->stop();
        $this->directory->remove();
    }

    private function configure(): void
    {
        foreach ($this->envelopes as $identifier => $envelope) {
            $this->directory->write('vault/' . $identifier, $envelope, 0600);
        }
        $ids = array_map(strval(...), array_keys($this->services));
        $this->directory->write('sidecar.json', (string) json_encode($this->more + [
            'version' => 1,
            'outbound' => $this->outbound + ['version' => 1],
            'envelopes' => $this->directory->path . '/vault',
            'audit_log' => $this->directory->path . '/audit.jsonl',
            'services' => (object) $this->services,
            'callers' => [['user' => posix_geteuid(), 'services' => $ids]],
        ]), 0600);
    }
}
