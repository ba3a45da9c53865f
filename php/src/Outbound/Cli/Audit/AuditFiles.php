<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Audit;

use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The lines of an audit file and of its rotated files, in the order in which they were written. One line is in memory at a time.
 *
 * @internal
 */
final class AuditFiles
{
    /** A record is much shorter; a longer line is not a record. */
    private const MAX_LINE = 65_536;

    /** How often a followed file is checked. */
    private const WAIT_US = 200_000;

    /** @var resource|null the file that is read */
    private mixed $handle = null;

    public function __construct(private readonly string $file)
    {
    }

    /**
     * The existing lines. Rotated files that have not changed since the given time are left out.
     *
     * @param int $since seconds since 1970
     * @return \Generator<int, string|null>|null lines without their line break, with null for a line that is too long. The result
     *         is null if there is nothing to read
     */
    public function lines(int $since): ?\Generator
    {
        // The current file is opened first: if it is rotated from now on, it is read through this handle, and only once.
        $this->handle = LocalFile::open($this->file);
        $aside = $this->aside($this->handle === null ? null : self::identity(fstat($this->handle)));
        if ($this->handle === null && $aside === []) {
            return null;
        }
        return $this->read(array_filter(
            $aside,
            static fn (string $file): bool => (int) Quiet::call(static fn () => filemtime($file)) >= $since,
        ));
    }

    /**
     * New lines, as they are written; it never ends.
     *
     * @param bool $fromNow whether the existing lines of the file are left out
     * @return \Generator<int, string|null>
     */
    public function follow(bool $fromNow): \Generator
    {
        $this->handle ??= LocalFile::open($this->file);
        if ($fromNow && $this->handle !== null) {
            fseek($this->handle, 0, SEEK_END);
        }
        for (;; usleep(self::WAIT_US)) {
            // This is checked before the end of the file is read: lines that are written in between are read below.
            $next = $this->next();
            if ($this->handle !== null) {
                yield from $this->whole($this->handle, $next !== null);
            }
            if ($next !== null) {
                $this->handle = LocalFile::open($next);
            }
        }
    }

    /**
     * @param array<string> $aside
     * @return \Generator<int, string|null>
     */
    private function read(array $aside): \Generator
    {
        foreach ($aside as $file) {
            $handle = LocalFile::open($file);
            if ($handle !== null) {
                yield from $this->whole($handle, true);
                fclose($handle);
            }
        }
        if ($this->handle !== null) {
            yield from $this->whole($this->handle, true);
        }
    }

    /**
     * The lines from here to the end.
     *
     * @param resource $handle
     * @param bool $torn whether text without a line break counts as a line; otherwise it is read again the next time
     * @return \Generator<int, string|null>
     */
    private function whole(mixed $handle, bool $torn): \Generator
    {
        for (;;) {
            $start = (int) ftell($handle);
            $line = fgets($handle, self::MAX_LINE);
            if ($line === false) {
                fseek($handle, $start);
                return;
            }
            if (str_ends_with($line, "\n")) {
                yield substr($line, 0, -1);
            } elseif (strlen($line) === self::MAX_LINE - 1) {
                $this->skip($handle);
                yield null;
            } elseif ($torn) {
                yield $line;
            } else {
                fseek($handle, $start);
                return;
            }
        }
    }

    /**
     * @param resource $handle
     */
    private function skip(mixed $handle): void
    {
        do {
            $rest = fgets($handle, self::MAX_LINE);
        } while ($rest !== false && !str_ends_with($rest, "\n"));
    }

    /** The file that follows the current one; null if that is the last. */
    private function next(): ?string
    {
        LocalFile::forget();
        $present = Quiet::call(fn () => stat($this->file));
        if ($present === false) {
            return null;
        }
        $read = $this->handle === null ? null : self::identity(fstat($this->handle));
        if ($read === self::identity($present)) {
            return null;
        }
        $aside = $this->aside(null);
        foreach ($aside as $index => $file) {
            if ($read !== null && self::identity(Quiet::call(static fn () => stat($file))) === $read) {
                return $aside[$index + 1] ?? $this->file;
            }
        }
        return $this->file;
    }

    /**
     * The rotated files, the oldest first: their names contain the time.
     *
     * @param string|null $without identity of a file that is left out
     * @return list<string>
     */
    private function aside(?string $without): array
    {
        LocalFile::forget();
        $directory = dirname($this->file);
        $names = Quiet::call(static fn () => scandir($directory));
        $files = [];
        foreach ($names === false ? [] : $names as $name) {
            $file = $directory . '/' . $name;
            if (JsonLinesAuditSink::isAside($this->file, $name)) {
                $stat = Quiet::call(static fn () => stat($file));
                if ($stat !== false && self::identity($stat) !== $without) {
                    $files[] = $file;
                }
            }
        }
        return $files;
    }

    /**
     * @param array{dev: int, ino: int, ...}|false $stat
     */
    private static function identity(array|false $stat): ?string
    {
        return $stat === false ? null : $stat['dev'] . ':' . $stat['ino'];
    }
}
