<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

/**
 * What this transport calls itself: in audit records, and to servers (RFC 9110 section 10.1.5).
 *
 * @internal
 */
final class Product
{
    public const TRANSPORT = 'php';

    /** Of this package; the library of the same release has the same. */
    public const VERSION = '0.1.0';

    public const USER_AGENT = 'secure-outbound/' . self::VERSION;
}
