<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

/**
 * A program that runs in parallel with the tests. It is ended by its process ID, at the latest when this process ends, whatever ends it.
 */
final class Process
{
    public readonly int $pid;

    /** @var resource */
    private $handle;

    /**
     * @param non-empty-list<string> $command searched for in PATH, run without a shell
     * @param array<string, string> $environment added to PATH; nothing else is inherited
     * @param string $log file for standard output and standard error
     * @param string|null $user user of the process; null for the user of this one
     * @param string $input its standard input
     */
    public function __construct(
        array $command,
        private readonly string $log,
        array $environment = [],
        ?string $user = null,
        #[\SensitiveParameter] string $input = '',
    ) {
        $identity = $user === null ? [] : ['--reuid', $user, '--regid', $user, '--clear-groups'];
        $program = self::find(array_shift($command));
        $in = tmpfile();
        fwrite($in, $input);
        rewind($in);
        $out = ['file', $log, 'a'];
        $handle = proc_open(
            [self::find('setpriv'), '--pdeathsig', 'TERM', ...$identity, $program, ...$command],
            [$in, $out, $out],
            $pipes,
            null,
            $environment + ['PATH' => self::path()],
        );
        if ($handle === false) {
            throw new \RuntimeException('Cannot start ' . $program);
        }
        $this->handle = $handle;
        $this->pid = proc_get_status($handle)['pid'];
        $maker = getmypid();
        register_shutdown_function(function () use ($maker): void {
            if (getmypid() === $maker) {
                $this->stop();
            }
        });
    }

    /** The absolute path of a program; a missing one is an error, never a reason to skip. */
    public static function find(string $program): string
    {
        foreach (explode(':', self::path()) as $directory) {
            $file = str_contains($program, '/') ? $program : $directory . '/' . $program;
            if (is_file($file) && is_executable($file)) {
                return $file;
            }
        }
        throw new \RuntimeException('The program ' . $program . ' is missing: install its Debian package.');
    }

    /**
     * Runs a program to its end.
     *
     * @param non-empty-list<string> $command
     * @param array<string, string> $environment added to PATH
     * @return array{code: int, output: string} exit code; standard output and standard error together
     */
    public static function run(
        array $command,
        array $environment = [],
        #[\SensitiveParameter] string $input = '',
    ): array {
        $command[0] = self::find($command[0]);
        $in = tmpfile();
        fwrite($in, $input);
        rewind($in);
        $environment += ['PATH' => self::path()];
        $handle = proc_open($command, [$in, ['pipe', 'w'], ['redirect', 1]], $pipes, null, $environment);
        $output = (string) stream_get_contents($pipes[1]);
        return ['code' => proc_close($handle), 'output' => $output];
    }

    public function isRunning(): bool
    {
        return is_resource($this->handle) && proc_get_status($this->handle)['running'];
    }

    /** Waits for the end of a program that ends by itself, and returns its exit code. */
    public function exitCode(): int
    {
        $status = Poll::until(function (): ?array {
            $status = proc_get_status($this->handle);
            return $status['running'] ? null : $status;
        }, 'the end of ' . $this->pid);
        return $status['exitcode'];
    }

    public function log(): string
    {
        return (string) @file_get_contents($this->log);
    }

    /** Waits until $ready returns true; fails with the log if the program ends before. */
    public function waitUntil(callable $ready, string $what): void
    {
        Poll::until(function () use ($ready, $what): bool {
            if (!$this->isRunning()) {
                throw new \RuntimeException($what . ' ended: ' . $this->log());
            }
            return $ready();
        }, $what);
    }

    public function stop(): void
    {
        if (!is_resource($this->handle)) {
            return;
        }
        proc_terminate($this->handle);
        try {
            Poll::until(fn (): bool => !$this->isRunning(), 'the end of ' . $this->pid);
        } catch (\RuntimeException) {
            proc_terminate($this->handle, 9);
        }
        proc_close($this->handle);
    }

    private static function path(): string
    {
        return (getenv('PATH') ?: '/usr/bin:/bin') . ':/usr/local/sbin:/usr/sbin:/sbin';
    }
}
