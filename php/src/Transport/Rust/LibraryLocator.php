<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Rust;

use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Finds the library's file where PHP opens it itself (CLI, thread-safe builds): an explicit path, then the environment
 * variable SECURE_OUTBOUND_LIBRARY, then the one that was installed together with these files, then the loader's own path.
 *
 * Under ffi.enable=preload none of this counts: there FFI_LIB of the preloaded header names the file.
 *
 * @internal
 */
final class LibraryLocator
{
    public const ENVIRONMENT = 'SECURE_OUTBOUND_LIBRARY';
    public const FILE = 'libsecure_outbound.so';

    /**
     * @param string|null $explicit path from the host's configuration; null and '' mean none
     * @return string what dlopen() takes; it is not checked whether it exists
     */
    public static function locate(?string $explicit = null): string
    {
        // Only the environment of the process: without the flag, getenv() reads the request's parameters from the web server
        // first.
        foreach ([$explicit, getenv(self::ENVIRONMENT, true)] as $path) {
            if (is_string($path) && $path !== '') {
                return $path;
            }
        }
        return self::besideThisPackage() ?? self::FILE;
    }

    /** Of a package or of `make install`, which put both below one PREFIX: the loader's cache need not know the directory. */
    private static function besideThisPackage(): ?string
    {
        if (preg_match('~^(.*)/share/secure-outbound/php(?:/[^/]+)?/src/Transport/Rust$~D', __DIR__, $match) !== 1) {
            return null;
        }
        foreach (['/lib/secure-outbound/', '/lib/'] as $directory) {
            $file = $match[1] . $directory . self::FILE;
            if (Quiet::call(static fn (): bool => is_file($file))) {
                return $file;
            }
        }
        return null;
    }
}
