<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Text;

/**
 * A new UUID of version 7 (RFC 9562): milliseconds of the clock, then random bits.
 *
 * @internal
 */
final class Uuid7
{
    public static function generate(): string
    {
        $bytes = substr(pack('J', (int) (microtime(true) * 1000)), 2) . random_bytes(10);
        $bytes[6] = chr(0x70 | ord($bytes[6]) & 0x0F);
        $bytes[8] = chr(0x80 | ord($bytes[8]) & 0x3F);
        $hex = bin2hex($bytes);
        return substr($hex, 0, 8) . '-' . substr($hex, 8, 4) . '-' . substr($hex, 12, 4) . '-' . substr($hex, 16, 4) . '-' . substr($hex, 20);
    }
}
