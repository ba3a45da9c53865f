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
}
