<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * What is made of an exception of a part that the host gave. It may hold anything, so only its class is passed on.
 *
 * @internal
 */
final class PartFailure
{
    public static function of(#[\SensitiveParameter] \Throwable $thrown, string $part = 'a part that the host gave'): OutboundException
    {
        return OutboundException::create('internal.part_failed', $part . ' threw ' . self::nameOf($thrown));
    }

    /** The class of what was thrown, as it may stand in a message. */
    public static function nameOf(#[\SensitiveParameter] \Throwable $thrown): string
    {
        // An anonymous class has its file behind the null byte.
        return strtok($thrown::class, "\0");
    }
}
