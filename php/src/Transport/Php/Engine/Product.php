<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Transport\PackageVersion;

/**
 * What this transport calls itself: in audit records, and to servers (RFC 9110 section 10.1.5).
 *
 * @internal
 */
final class Product
{
    public const TRANSPORT = 'php';

    public const VERSION = PackageVersion::NUMBER;

    public const USER_AGENT = 'secure-outbound/' . self::VERSION;
}
