<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\PartFailure;

/**
 * An exception that no interface announces: a part of the host failed, or this package has a bug.
 *
 * @internal
 */
final class Unexpected
{
    public static function failure(#[\SensitiveParameter] \Throwable $thrown): OutboundException
    {
        return self::isOurs($thrown) ? OutboundException::create(
            'internal.panic',
            'this package has a bug that threw ' . PartFailure::nameOf($thrown)
                . '; please report what was called, without its data',
        ) : PartFailure::of($thrown);
    }

    /**
     * Whether all frames between the call and the exception are code of this package. The file of the exception is not enough:
     * for an argument of a wrong type, it is the file of the called function.
     */
    private static function isOurs(#[\SensitiveParameter] \Throwable $thrown): bool
    {
        $own = substr(__DIR__, 0, -strlen('Outbound/Call'));
        if (!str_starts_with($thrown->getFile(), $own)) {
            return false;
        }
        foreach ($thrown->getTrace() as $frame) {
            if (($frame['class'] ?? '') === ServiceCalls::class && $frame['function'] === 'prepare') {
                return true;
            }
            if (!str_starts_with($frame['file'] ?? $own, $own)) {
                return false;
            }
        }
        return true;
    }
}
