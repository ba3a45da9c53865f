<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * A daemon in a directory of its own.
 */
final class Sidecar
{
    public readonly string $socket;

    private readonly TempDir $directory;

    private Process $process;

    /** @var list<Process> daemons that drain */
    private array $former = [];

    private int $starts = 0;

    /** Wrapped, so that no dump shows key material. */
    private readonly \SensitiveParameterValue $outbound;

    /**
     * @param array<string, mixed> $outbound configuration of its engine
     * @param array<string, mixed> $services as its configuration has them
     * @param array<string, mixed> $more keys of its configuration
     * @param array<string, string> $environment of the daemon
     * @param list<string> $runner a command that runs it, such as nsenter with its arguments
     * @throws OutboundException what the sidecar says of a configuration that it does not take
     */
    public function __construct(
        #[\SensitiveParameter] array $outbound,
        private array $services,
        private readonly array $more = [],
        private readonly array $environment = [],
        private readonly array $runner = [],
    ) {
        $this->outbound = new \SensitiveParameterValue($outbound);
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

    /** Starts it, and waits until it listens. */
    public function start(): void
    {
        $this->launch();
        $starts = $this->starts;
        Poll::until(
            fn (): bool => substr_count($this->process->log(), 'is ready') === $starts || !$this->process->isRunning(),
            'the sidecar',
        );
        if (substr_count($this->process->log(), 'is ready') !== $starts) {
            throw $this->refusal('secure-outbound-sidecar: ');
        }
    }

    public function launch(): void
    {
        $this->process = new Process(
            [...$this->runner, Build::sidecar(), '--config', $this->directory->path . '/sidecar.json', '--listen', $this->socket, '--mode', '0666'],
            $this->directory->path . '/sidecar.log',
            $this->environment,
        );
        ++$this->starts;
    }

    /** Tells it to end, and starts another one while it still has calls. */
    public function giveWayToAnother(): void
    {
        $this->signal(SIGTERM);
        $connected = fn (): bool => is_resource(Quiet::call(fn () => stream_socket_client('unix://' . $this->socket)));
        Poll::until(static fn (): bool => !$connected(), 'nobody listens');
        $this->former[] = $this->process;
        $this->start();
    }

    /**
     * Writes envelopes, which each call reads, and replaces its services if they are others.
     *
     * @param array<string, mixed> $services
     * @param array<string, string> $envelopes by identifier
     * @throws OutboundException what the sidecar says of a configuration that it does not take
     */
    public function serve(array $services, #[\SensitiveParameter] array $envelopes): void
    {
        foreach ($envelopes as $identifier => $envelope) {
            $this->directory->write('vault/' . $identifier, $envelope, 0600);
        }
        if ($services == $this->services) {
            return;
        }
        $this->services = $services;
        $this->configure();
        $read = substr_count($this->process->log(), 'configuration');
        posix_kill($this->process->pid, SIGHUP);
        Poll::until(fn (): bool => substr_count($this->process->log(), 'configuration') > $read, 'the sidecar reads anew');
        if (!str_ends_with(rtrim($this->process->log()), 'was read anew')) {
            // What it has is what it had.
            $this->services = [];
            throw $this->refusal('the configuration stays as it was: ');
        }
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
        foreach ([...$this->former, $this->process] as $process) {
            $process->stop();
        }
        $this->directory->remove();
    }

    /** The last line of its log after these words. */
    private function refusal(string $words): OutboundException
    {
        $told = explode($words, trim($this->process->log()));
        [$code, $reason] = explode(': ', end($told), 2) + ['', ''];
        return OutboundException::create($code, $reason);
    }

    private function configure(): void
    {
        $ids = array_map(strval(...), array_keys($this->services));
        $this->directory->write('sidecar.json', (string) json_encode($this->more + [
            'version' => 1,
            'outbound' => $this->outbound->getValue() + ['version' => 1],
            'envelopes' => $this->directory->path . '/vault',
            'audit_log' => $this->directory->path . '/audit.jsonl',
            'services' => (object) $this->services,
            'callers' => [['user' => posix_geteuid(), 'services' => $ids, 'limits' => ['bytes' => 2 << 30]]],
        ]), 0600);
    }
}
