<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The one rule of repeating an attempt.
 *
 * A request that was certainly not processed may always be sent again; one that may have been processed, only if it may be
 * processed twice. Refusals and failures of certificates and TLS are not repeated, since the result would be the same. A failure
 * after a response's status line is that response's, and the caller has to see its status.
 *
 * @internal
 */
final class Retry
{
    private const STATUSES = [429, 502, 503, 504];
    private const CLASSES = ['dns', 'connect', 'timeout', 'protocol'];

    /** Codes of failures that may be temporary; the library has the same list. */
    private const TRANSIENT = [
        'dns.failed',
        'connect.refused',
        'connect.failed',
        'tls.handshake_failed',
        'timeout.connect',
        'timeout.total',
        'timeout.idle',
        'protocol.closed_early',
    ];

    /** Whether a request is made once more after a response with this status. */
    public static function afterResponse(int $status, bool $isRepeatable): bool
    {
        return $isRepeatable && in_array($status, self::STATUSES, true);
    }

    /** Whether a failed attempt is made once more; the failure's "sent" is that of this attempt alone. */
    public static function afterFailure(OutboundException $failure, bool $isRepeatable): bool
    {
        $isOver = in_array($failure->errorCode(), ['timeout.total', 'timeout.idle'], true);
        $passes = in_array($failure->errorClass(), self::CLASSES, true) && !$isOver;
        return $passes && ($failure->sent() === 'no' || $failure->sent() === 'maybe' && $isRepeatable);
    }

    /** Whether the caller may succeed with the same request later; the failure's "sent" is the worst of all attempts. */
    public static function mayPass(OutboundException $failure, bool $isRepeatable): bool
    {
        return in_array($failure->errorCode(), self::TRANSIENT, true) && ($isRepeatable || $failure->sent() === 'no');
    }
}
