<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;

/**
 * What is made of exceptions that are none of this package. They may hold anything, so only their class is passed on.
 *
 * @internal
 */
final class PartFailure
{
    /** Of a part that the host gave. */
    public static function of(#[\SensitiveParameter] \Throwable $thrown, string $part = 'A part that the host gave'): OutboundException
    {
        return OutboundException::create('internal.part_failed', $part . ' threw ' . self::class($thrown) . '.');
    }

    /** Of whatever a call runs into: a part of the host, or a bug of this package. */
    public static function orBug(#[\SensitiveParameter] \Throwable $thrown): OutboundException
    {
        return self::isOurs($thrown) ? OutboundException::create(
            'internal.panic',
            'This package has a bug that threw ' . self::class($thrown) . '; please report what was called, without its data.',
        ) : self::of($thrown);
    }

    private static function class(#[\SensitiveParameter] \Throwable $thrown): string
    {
        // An anonymous class has its file behind the null byte.
        return (string) strtok($thrown::class, "\0");
    }

    /**
     * Whether nothing but this package stood between the call and what threw. The file alone does not tell: of an argument
     * of a wrong type it is the callee's.
     */
    private static function isOurs(#[\SensitiveParameter] \Throwable $thrown): bool
    {
        $own = substr(__DIR__, 0, -strlen('Outbound/Exception'));
        if (!str_starts_with($thrown->getFile(), $own)) {
            return false;
        }
        foreach ($thrown->getTrace() as $frame) {
            if (($frame['class'] ?? '') === ServiceCalls::class && $frame['function'] === 'call') {
                return true;
            }
            if (!str_starts_with($frame['file'] ?? $own, $own)) {
                return false;
            }
        }
        return true;
    }
}
