<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

/**
 * The time at which the AWS SDK for PHP signs: seconds since 1970.
 */
final class SdkClock
{
    public static ?int $now = null;

    /** Has the SDK ask this clock; before it first asks for the time. */
    public static function set(): void
    {
        require_once __DIR__ . '/sdk-gmdate.php';
    }
}
