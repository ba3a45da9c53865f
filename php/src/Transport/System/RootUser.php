<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * Whether the process runs as root, and where root may create files: where no other user can replace one by a link.
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
     * For a process of root.
     *
     * @param string $directory an existing one, without links
     * @return string|null this directory or one above it, if users other than root can write to it
     */
    public static function directoryOfOthers(string $directory): ?string
    {
        LocalFile::forget();
        return Quiet::call(static fn () => OwnDirectory::fault($directory))['at'] ?? null;
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
