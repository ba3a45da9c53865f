<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

/**
 * It is there where preload-all.php has loaded the classes of a call, and nowhere else: no autoloader is asked for it.
 *
 * A preloaded class beats the one on the disk, silently. So what is run first of the package on the disk, version.php, says
 * here which version that is.
 *
 * @internal
 */
final class PreloadedPackage
{
    /** The other version that was met in this request of PHP. */
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
