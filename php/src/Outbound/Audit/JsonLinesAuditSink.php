<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\NewFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Appends each record to a local file, as one line of JSON.
 *
 * Any number of processes may write to the same file. Each opens it once. For each line it locks the file, checks that the name
 * still belongs to this file, and appends one whole line; a line that does not fit on the disk is removed again. The file is
 * rotated, by renaming it, at the first line of a new day (UTC) and before it exceeds its maximum size, so that all lines of a
 * file are of one day. Its new name is NAME.20261122T013358.123456Z-1a2b, in the same directory, and purge() deletes it. If
 * another program has renamed the file, the next line goes into a new one.
 *
 * The time limit applies to the wait for the lock. PHP cannot limit a write to a disk that hangs, so the file must not be on a
 * network file system.
 *
 * @phpstan-import-type Opened from JsonLinesHandle
 * @phpstan-type Stat array{size: int, mtime: int, ...}
 *
 * @api
 */
final readonly class JsonLinesAuditSink implements AuditSink, AuditRetention
{
    private const MODE = 0640;

    private const SECONDS_OF_A_DAY = 86400;

    private JsonLinesHandle $kept;

    /**
     * @param string $file absolute path; its directory exists, and the writers may create files in it
     * @param int $maxBytes maximum size of a file; only a single line that is longer may exceed it
     * @param int $timeoutMs how long a write waits for other writers
     */
    public function __construct(
        private string $file,
        private int $maxBytes = 64 * 1024 * 1024,
        private int $timeoutMs = 1000,
    ) {
        if (!str_starts_with($file, '/') || $maxBytes < 1 || $timeoutMs < 1) {
            throw new \InvalidArgumentException('the audit file needs an absolute path, a size and a time limit');
        }
        $this->kept = new JsonLinesHandle();
    }

    public function write(AuditEntry $entry): void
    {
        $this->append($entry, false);
    }

    /** When this returns, the line is on the disk, and not only in the buffers of the system. */
    public function begin(AuditEntry $intent): void
    {
        $this->append($intent, true);
    }

    public function complete(AuditEntry $entry): void
    {
        $this->append($entry, false);
    }

    public function purge(int $days = self::DAYS): int
    {
        if ($days < 1) {
            throw new \InvalidArgumentException('audit records are kept for at least one day');
        }
        $this->putAsideYesterdays();
        $deleted = 0;
        foreach ($this->asideFiles() as $file) {
            if ((int) Quiet::call(static fn () => filemtime($file)) < time() - $days * self::SECONDS_OF_A_DAY) {
                $lines = self::countLines($file);
                if (!Quiet::call(static fn () => unlink($file))) {
                    throw new AuditSinkException('an old audit file could not be deleted');
                }
                $deleted += $lines;
            }
        }
        return $deleted;
    }

    /**
     * Throws if a record could not be written. It writes no record and leaves no new file.
     *
     * @internal for the doctor
     * @throws AuditSinkException
     */
    public function verify(): void
    {
        LocalFile::forget();
        if (Quiet::call(fn (): bool => file_exists($this->file))) {
            fclose($this->open()['handle']);
        }
        $directory = dirname($this->file);
        if (!Quiet::call(static fn (): bool => is_dir($directory) && is_writable($directory) && is_executable($directory))) {
            throw new AuditSinkException('no file can be made in the directory of the audit file');
        }
    }

    private function append(AuditEntry $entry, bool $sync): void
    {
        $line = $entry->toJson() . "\n";
        [$opened, $stat] = $this->lock(strlen($line));
        $handle = $opened['handle'];
        $isKept = false;
        try {
            $opened['end'] = self::appendLine($opened, max(0, $stat['size']), $line);
            flock($handle, LOCK_UN);
            if ($sync && !Quiet::call(static fn () => fsync($handle))) {
                throw new AuditSinkException('the audit line could not be brought to the disk');
            }
            // After fsync(), PHP reads and writes through buffers of the C library, so such a handle is not used again.
            $isKept = !$sync && $this->kept->put($opened);
        } finally {
            if (!$isKept) {
                fclose($handle);
            }
        }
    }

    /**
     * Opens and locks the file of this name. A file of an earlier day, and one that has no room, is rotated first.
     *
     * @param int|null $more bytes that are to be appended; null: the size does not count
     * @return array{Opened, Stat}
     */
    private function lock(?int $more): array
    {
        $deadline = hrtime(true) + $this->timeoutMs * 1_000_000;
        $mayPutAside = true;
        for ($wait = 200;; $wait = min($wait * 2, 5_000)) {
            $opened = $this->kept->take() ?? $this->open();
            $stat = flock($opened['handle'], LOCK_EX | LOCK_NB) ? $this->stateOfTheName($opened) : null;
            if ($stat !== null) {
                if (!$mayPutAside || !$this->isFull($stat, $more)) {
                    return [$opened, $stat];
                }
                // If the rename fails, the file exceeds its size: a record is more important than the limit.
                $mayPutAside = Quiet::call(fn () => rename($this->file, $this->asideName()));
            }
            fclose($opened['handle']);
            if (hrtime(true) >= $deadline) {
                throw new AuditSinkException('other writers held the audit file for too long');
            }
            usleep($wait);
        }
    }

    /**
     * @return Opened
     */
    private function open(): array
    {
        // To open a pipe would block.
        LocalFile::forget();
        $named = Quiet::call(fn () => stat($this->file));
        if ($named !== false && !LocalFile::isRegular($named)) {
            throw new AuditSinkException('the audit file is not a regular file');
        }
        // e: programs that PHP starts do not inherit the handle.
        $handle = Quiet::call(function () use ($named): mixed {
            if ($named === false) {
                NewFile::make($this->file, self::MODE);
            }
            return fopen($this->file, 'a+be');
        }, $warning);
        $stat = $handle === false ? false : fstat($handle);
        if ($handle === false || $stat === false || !LocalFile::isRegular($stat)) {
            throw new AuditSinkException('the audit file cannot be opened' . self::reason((string) $warning));
        }
        return ['handle' => $handle, 'dev' => $stat['dev'], 'ino' => $stat['ino'], 'end' => -1];
    }

    /**
     * @param Opened $opened
     * @return Stat|null null if the file does not have the name any more
     */
    private function stateOfTheName(array $opened): ?array
    {
        // A thread-safe PHP would answer from its cache of links.
        clearstatcache((bool) PHP_ZTS);
        $named = Quiet::call(fn () => stat($this->file));
        return $named !== false && $named['dev'] === $opened['dev'] && $named['ino'] === $opened['ino'] ? $named : null;
    }

    /**
     * @param Stat $stat of the file
     * @param int|null $more as for lock()
     */
    private function isFull(array $stat, ?int $more): bool
    {
        return self::isOld($stat) || ($more !== null && $stat['size'] > 0 && $stat['size'] + $more > $this->maxBytes);
    }

    /**
     * Whether its lines are of another day. The file was last changed when its last line was written.
     *
     * @param Stat $stat
     */
    private static function isOld(array $stat): bool
    {
        return $stat['size'] > 0
            && intdiv($stat['mtime'], self::SECONDS_OF_A_DAY) !== intdiv(time(), self::SECONDS_OF_A_DAY);
    }

    /**
     * @param Opened $opened
     * @param int<0, max> $size of the file
     * @return int its size afterwards
     */
    private static function appendLine(array $opened, int $size, string $line): int
    {
        $handle = $opened['handle'];
        if ($size > 0 && $size !== $opened['end'] && (fseek($handle, -1, SEEK_END) !== 0 || fread($handle, 1) !== "\n")) {
            // A process has ended while it wrote. Its incomplete line remains, separated from the next one.
            $line = "\n" . $line;
        }
        if (Quiet::call(static fn () => fwrite($handle, $line), $warning) !== strlen($line)) {
            ftruncate($handle, $size);
            throw new AuditSinkException('the audit line could not be written' . self::reason((string) $warning));
        }
        return $size + strlen($line);
    }

    private function asideName(): string
    {
        return $this->file . (new \DateTimeImmutable('now', new \DateTimeZone('UTC')))->format('.Ymd\THis.u\Z-')
            . bin2hex(random_bytes(2));
    }

    private function putAsideYesterdays(): void
    {
        if (Quiet::call(fn (): bool => is_file($this->file))) {
            [$opened, $stat] = $this->lock(null);
            fclose($opened['handle']);
            if (self::isOld($stat)) {
                throw new AuditSinkException('the audit file of an earlier day could not be put aside');
            }
        }
    }

    /**
     * @return list<string>
     */
    private function asideFiles(): array
    {
        $names = Quiet::call(fn () => scandir(dirname($this->file)));
        if ($names === false) {
            throw new AuditSinkException('the directory of the audit file cannot be read');
        }
        $aside = array_filter($names, fn (string $name): bool => self::isAside($this->file, $name));
        return array_map(fn (string $name): string => dirname($this->file) . '/' . $name, array_values($aside));
    }

    /**
     * Whether a name in the directory of an audit file belongs to a rotated file of it.
     *
     * @internal
     */
    public static function isAside(string $file, string $name): bool
    {
        $pattern = '/^' . preg_quote(basename($file), '/') . '\.\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{4}$/D';
        return preg_match($pattern, $name) === 1;
    }

    private static function countLines(string $file): int
    {
        $lines = 0;
        $handle = Quiet::call(static fn () => fopen($file, 'rb'));
        while ($handle !== false && !feof($handle)) {
            $lines += substr_count((string) fread($handle, 65536), "\n");
        }
        return $lines;
    }

    /** What the system said in a warning, without the path, as the end of a sentence. */
    private static function reason(string $warning): string
    {
        $known = preg_match('/(?:errno=\d+ |Failed to open stream: )([A-Za-z -]+)$/', $warning, $match) === 1;
        return $known ? ': ' . $match[1] : '';
    }
}
