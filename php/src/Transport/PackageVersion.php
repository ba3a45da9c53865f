<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

/**
 * The version of this package; the library of the same release has the same.
 *
 * @internal
 */
final class PackageVersion
{
    public const NUMBER = '0.1.0';

    /**
     * Why no call can be made: the classes of one version are preloaded, and the files of another version are installed.
     *
     * @return string|null null if the versions are the same
     */
    public static function conflict(): ?string
    {
        return class_exists(PreloadedPackage::class, false) ? PreloadedPackage::conflict() : null;
    }
}
