<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

/**
 * This class exists only if preload-all.php has loaded the classes of a call; no autoloader loads it.
 *
 * A preloaded class silently takes precedence over the one on disk. Therefore version.php, which is the first file of the package
 * on disk to run, reports its version here.
 *
 * @internal
 */
final class PreloadedPackage
{
    /** The other version that was found in this PHP request. */
    private static ?string $other = null;

    public static function meet(string $version): void
    {
        if ($version !== PackageVersion::NUMBER) {
            self::$other = $version;
        }
    }

    public static function conflict(): ?string
    {
        return self::$other === null ? null : 'version ' . PackageVersion::NUMBER . ' of this package is preloaded, and version '
            . self::$other . ' is installed: reload PHP after an update';
    }
}
