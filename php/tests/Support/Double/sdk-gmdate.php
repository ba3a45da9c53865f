<?php

declare(strict_types=1);

namespace Aws\Signature;

use Netresearch\NrVault\Outbound\Tests\Support\Double\SdkClock;

/** What the SDK finds in place of PHP's function. */
function gmdate(string $format, ?int $timestamp = null): string
{
    return \gmdate($format, $timestamp ?? SdkClock::$now);
}
