<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * Whether the process runs as root, and where root may create files, because no other user can replace one by a link.
 *
 * @internal
 */
final class RootUser
{
    public static function isCurrent(): bool
    {
        return OwnDirectory::user() === 0;
    }

    /**
     * A directory above it may be sticky, since the next part of the path belongs to root and nobody else can move it.
     *
     * @param string $directory an existing one, without links
     * @return string|null this directory or one above it, if users other than root can write to it
     */
    public static function directoryOfOthers(string $directory): ?string
    {
        LocalFile::forget();
        for ($path = $directory, $mayBeSticky = false;; $path = dirname($path), $mayBeSticky = true) {
            $stat = Quiet::call(static fn () => lstat($path));
            $isOpen = $stat === false || ($stat['mode'] & 022) !== 0 && !($mayBeSticky && ($stat['mode'] & 01000) !== 0);
            if ($isOpen || $stat['uid'] !== 0) {
                return $path;
            }
            if ($path === '/') {
                return null;
            }
        }
    }

    /** The user who has to run a command instead of root. */
    public static function ownerOf(string $directory): string
    {
        $owner = Quiet::call(static fn () => fileowner($directory));
        return $owner === false || $owner === 0 ? 'USER' : self::nameOf($owner);
    }

    private static function nameOf(int $user): string
    {
        $accounts = (string) LocalFile::read('/etc/passwd');
        return preg_match('/^([^:\n]+):[^:\n]*:' . $user . ':/m', $accounts, $match) === 1 ? $match[1] : '#' . $user;
    }
}
