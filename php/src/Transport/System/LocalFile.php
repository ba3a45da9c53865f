<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * Reads the current file. PHP caches for two minutes where links point to (realpath_cache_ttl). If another process has changed a
 * link, as Kubernetes and deployments do, PHP would still open the old file, or none.
 *
 * @internal
 */
final class LocalFile
{
    /** While a link is changed, its old target may be deleted before PHP opens it. */
    private const ATTEMPTS = 3;

    /** A file of this size is read without asking for its size first. */
    private const SMALL = 8192;

    /**
     * Opens a regular file; a pipe, a device or a directory is refused.
     *
     * @return resource|null null if it cannot be opened or is not regular
     */
    public static function open(string $path): mixed
    {
        if (str_contains($path, "\0")) {
            return null;
        }
        for ($attempt = 0; $attempt < self::ATTEMPTS; $attempt++) {
            self::forget();
            // n: otherwise PHP would block when it opens a pipe without a writer.
            $file = Quiet::call(static fn () => fopen($path, 'rn'));
            if ($file === false) {
                continue;
            }
            if (self::isRegular(fstat($file))) {
                return $file;
            }
            fclose($file);
            break;
        }
        return null;
    }

    /**
     * @param int|null $most bytes; of a longer file that many and one more are read. Null: all
     * @return string|null null if it cannot be opened or read, or is not regular
     */
    public static function read(string $path, ?int $most = null): ?string
    {
        $file = self::open($path);
        if ($file === null) {
            return null;
        }
        try {
            // Otherwise a copy would remain in the buffer of the stream.
            stream_set_read_buffer($file, 0);
            $contents = Quiet::call(static fn () => self::contents($file, $most));
        } finally {
            fclose($file);
        }
        return $contents === false ? null : $contents;
    }

    /**
     * The same for a file that has this name itself and is reached without a link. For others it is null, although they may be files.
     *
     * PHP's cache of links is not cleared for it, which takes longer than everything else about a small file: where the cache has the
     * name as its own target, PHP gives the system this name, and the system opens what has it now.
     *
     * @param string $path absolute
     * @param int|null $most as for read()
     */
    public static function readItself(string $path, ?int $most = null): ?string
    {
        // In a thread-safe PHP, filetype() uses that cache as well.
        if ((bool) PHP_ZTS || str_contains($path, "\0")) {
            return null;
        }
        $contents = Quiet::call(static function () use ($path, $most): string|false {
            $file = realpath($path) === $path ? fopen($path, 'rn') : false;
            if ($file === false) {
                return false;
            }
            stream_set_read_buffer($file, 0);
            clearstatcache();
            // Of a link it is "link".
            $contents = filetype($path) === 'file' ? stream_get_contents($file, min($most ?? self::SMALL, self::SMALL) + 1) : false;
            if ($contents !== false && strlen($contents) > self::SMALL) {
                $contents = self::contents($file, $most, 0);
            }
            fclose($file);
            return $contents;
        });
        return $contents === false ? null : $contents;
    }

    /**
     * @param resource $file
     * @param int $offset where to begin; -1: where it is
     */
    private static function contents(mixed $file, ?int $most, int $offset = -1): string|false
    {
        if ($most === null) {
            return stream_get_contents($file, null, $offset);
        }
        // PHP allocates as many bytes as are requested. Some file systems report no size.
        $size = fstat($file)['size'] ?? 0;
        if ($size === 0 || $size >= $most) {
            return stream_get_contents($file, $most + 1, $offset);
        }
        $contents = stream_get_contents($file, $size + 1, $offset);
        $hasGrown = $contents !== false && strlen($contents) > $size;
        return $hasGrown ? stream_get_contents($file, $most + 1, 0) : $contents;
    }

    /**
     * @param array{mode: int, ...}|false $stat of fstat() or lstat()
     */
    public static function isRegular(array|false $stat): bool
    {
        return $stat !== false && ($stat['mode'] & 0170000) === 0100000;
    }

    /**
     * Clears PHP's cache of links. The whole cache is cleared: with a path, PHP would remove only the entry of that path, and not
     * those of the directories and links in it.
     */
    public static function forget(): void
    {
        clearstatcache(true);
    }

    /** Whether open_basedir may hide existing files. */
    public static function isConfined(): bool
    {
        return (string) ini_get('open_basedir') !== '';
    }

    /** A path, never a stream of PHP's: "php://input" is a file in a directory "php:". */
    public static function local(string $path): string
    {
        return str_starts_with($path, '/') ? $path : './' . $path;
    }
}
