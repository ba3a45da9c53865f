<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

/**
 * A new directory that other users may enter. It is removed by remove() or at the end of the process that made it, also if a signal ends
 * that process.
 */
final class TempDir
{
    public readonly string $path;

    public function __construct(string $name)
    {
        $this->path = sys_get_temp_dir() . '/secure-outbound-' . $name . '-' . bin2hex(random_bytes(6));
        mkdir($this->path) && chmod($this->path, 0755) || throw new \RuntimeException('No directory ' . $this->path);
        self::endBySignal();
        $maker = getmypid();
        register_shutdown_function(function () use ($maker): void {
            if (getmypid() === $maker) {
                $this->remove();
            }
        });
    }

    /** Calls exit() on a signal, because PHP runs no shutdown functions if the signal itself ends the process. */
    private static function endBySignal(): void
    {
        pcntl_async_signals(true);
        foreach ([SIGHUP, SIGINT, SIGTERM] as $signal) {
            if (pcntl_signal_get_handler($signal) === SIG_DFL) {
                pcntl_signal($signal, static fn (): never => exit(128 + $signal));
            }
        }
    }

    /** Writes a file below the directory and returns its path. */
    public function write(string $name, #[\SensitiveParameter] string $contents, int $mode = 0644): string
    {
        $file = $this->path . '/' . $name;
        if (!is_dir(dirname($file))) {
            mkdir(dirname($file), 0755, true);
        }
        file_put_contents($file, $contents);
        chmod($file, $mode);
        return $file;
    }

    public function remove(): void
    {
        if (!is_dir($this->path)) {
            return;
        }
        $files = new \RecursiveIteratorIterator(
            new \RecursiveDirectoryIterator($this->path, \FilesystemIterator::SKIP_DOTS),
            \RecursiveIteratorIterator::CHILD_FIRST,
        );
        foreach ($files as $file) {
            $file->isDir() && !$file->isLink() ? rmdir($file->getPathname()) : unlink($file->getPathname());
        }
        rmdir($this->path);
    }
}
