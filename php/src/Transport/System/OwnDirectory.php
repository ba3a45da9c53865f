<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * A directory from which this process may run code: only its own user and root can create files there.
 *
 * @internal
 */
final class OwnDirectory
{
    private const DIRECTORY = 0040000;

    /** Without ext-posix, PHP cannot change it. */
    private static ?int $user = null;

    /**
     * Why the directory is not safe, and the path that causes it. A directory above it may be sticky: the next part of the path
     * belongs to this user or root, and nobody else can move it.
     *
     * @param string $directory absolute; a link on the way is refused
     * @return array{reason: string, at: string}|null null if it is
     */
    public static function fault(string $directory): ?array
    {
        $user = self::user();
        // A "/" at the end would follow a link.
        $path = str_starts_with($directory, '/') ? dirname($directory . '/.') : '';
        for ($mayBeSticky = false;; $path = dirname($path), $mayBeSticky = true) {
            $stat = lstat($path);
            $reason = match (true) {
                $stat === false => 'missing',
                ($stat['mode'] & 0170000) !== self::DIRECTORY => 'no_directory',
                $stat['uid'] !== 0 && $stat['uid'] !== $user => 'owner',
                ($stat['mode'] & 022) !== 0 && !($mayBeSticky && ($stat['mode'] & 01000) !== 0) => 'permissions',
                default => null,
            };
            if ($reason !== null) {
                return ['reason' => $reason, 'at' => $path];
            }
            if ($path === '/') {
                return null;
            }
        }
    }

    /** Whether such a directory has this file, and nobody else can have written it. */
    public static function hasFile(string $path): bool
    {
        $stat = lstat($path);
        return $stat !== false && LocalFile::isRegular($stat) && ($stat['uid'] === 0 || $stat['uid'] === self::user()) && ($stat['mode'] & 022) === 0;
    }

    /** Linux tells it without ext-posix as well: "Uid:" real, effective, saved and file system's. */
    public static function user(): int
    {
        if (function_exists('posix_geteuid')) {
            return posix_geteuid();
        }
        // -1, which is no user, if the system does not tell it.
        return self::$user ??= preg_match('/^Uid:\s+\d+\s+(\d+)\s/m', (string) LocalFile::read('/proc/self/status'), $match) === 1
            ? (int) $match[1]
            : -1;
    }
}
