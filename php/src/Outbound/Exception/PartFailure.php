<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * Replaces an exception of an object that the host has provided. Its message may contain anything, so only its class is passed
 * on.
 *
 * @internal
 */
final class PartFailure
{
    public static function of(#[\SensitiveParameter] \Throwable $thrown, string $part = 'a part that the host gave'): OutboundException
    {
        return OutboundException::create('internal.part_failed', $part . ' threw ' . self::nameOf($thrown));
    }

    /** The class of the exception, in a form that a message may contain. */
    public static function nameOf(#[\SensitiveParameter] \Throwable $thrown): string
    {
        // In the name of an anonymous class, its file follows the null byte.
        return strtok($thrown::class, "\0");
    }
}
