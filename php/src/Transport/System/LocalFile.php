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
     * @param resource $file
     */
    private static function contents(mixed $file, ?int $most): string|false
    {
        if ($most === null) {
            return stream_get_contents($file);
        }
        // PHP allocates as many bytes as are requested. Some file systems report no size.
        $size = fstat($file)['size'] ?? 0;
        if ($size === 0 || $size >= $most) {
            return stream_get_contents($file, $most + 1);
        }
        $contents = stream_get_contents($file, $size + 1);
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
