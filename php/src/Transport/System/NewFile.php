<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * Makes an empty file that has its mode from the beginning, so that nobody else can open it before. umask() would be no way in a
 * thread-safe PHP: the mask belongs to the process, so another thread would create its files with it, or reset it too early.
 *
 * @internal
 */
final class NewFile
{
    /**
     * @param int $mode in which the owner may read and write
     * @return bool false if the path exists, even as a link that leads nowhere, or cannot be made
     */
    public static function make(string $path, int $mode): bool
    {
        if (!function_exists('posix_mknod')) {
            return self::masked($path, $mode);
        }
        if (!posix_mknod($path, POSIX_S_IFREG | $mode)) {
            return false;
        }
        // The mask of the process may have taken bits away. It has added none.
        LocalFile::forget();
        return (fileperms($path) & 0777) === $mode || chmod($path, $mode);
    }

    /** Without ext-posix. A host of a thread-safe PHP needs that extension. */
    private static function masked(string $path, int $mode): bool
    {
        if ((bool) PHP_ZTS) {
            return false;
        }
        $mask = umask(0777 & ~$mode);
        $file = fopen($path, 'x');
        umask($mask);
        return $file !== false && fclose($file);
    }
}
