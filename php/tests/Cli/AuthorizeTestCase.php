<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * `secure-outbound authorize` as a process that waits for somebody.
 */
abstract class AuthorizeTestCase extends CommandTestCase
{
    protected const SECRET = 'se cret/+~:%&="';

    protected Process $process;

    private int $runs = 0;

    protected function tearDown(): void
    {
        if (isset($this->process)) {
            $this->process->stop();
        }
        parent::tearDown();
    }

    /**
     * @param array<string, mixed> $client
     * @param list<string> $options
     */
    protected function authorize(array $client, array $options, ?string $config = null, string $identifier = 'mailbox'): void
    {
        $config ??= $this->directory->path . '/transport.json';
        $this->process = new Process(
            [PHP_BINARY, Build::php() . '/bin/secure-outbound', 'authorize', $identifier, "--config=$config", ...$options],
            $this->directory->path . '/authorize-' . ++$this->runs . '.log',
            ['SECURE_OUTBOUND_LIBRARY' => Build::library()],
            null,
            (string) json_encode($client, JSON_UNESCAPED_SLASHES),
        );
    }

    /** Waits for text that it shows, and returns what the first group of the pattern matches. */
    protected function shown(string $pattern): string
    {
        return Poll::until(function () use ($pattern): ?string {
            $isOver = !$this->process->isRunning();
            if (preg_match($pattern, $this->process->log(), $found) === 1) {
                return $found[1];
            }
            return $isOver ? throw new \RuntimeException('It ended: ' . $this->process->log()) : null;
        }, $pattern);
    }

    /** The URL that it shows. */
    protected function url(): string
    {
        return $this->shown('~^(https://\S+)$~m');
    }

    /** Waits for its end, and returns the envelope. */
    protected function sealed(): string
    {
        self::assertSame(0, $this->process->exitCode(), $this->process->log());
        return $this->shown('/^(nrv1:\S+)$/m');
    }

    /** Waits for its end without an envelope, and returns what it says. */
    protected function failed(int $code = 1): string
    {
        self::assertSame($code, $this->process->exitCode(), $this->process->log());
        self::assertStringNotContainsString('nrv1:', $this->process->log());
        return $this->process->log();
    }
}
