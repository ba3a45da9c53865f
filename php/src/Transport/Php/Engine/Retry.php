<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The one rule of repeating an attempt.
 *
 * What was certainly not processed may go out again whatever it is; anything that may have been needs a harmless request.
 * Refusals, certificates and TLS stay what they are however often one asks. A failure after an answer's status line is
 * that answer's, and the caller has to see its status.
 *
 * @internal
 */
final class Retry
{
    private const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
    private const STATUSES = [429, 502, 503, 504];
    private const CLASSES = ['dns', 'connect', 'timeout', 'protocol'];

    /**
     * Whether a request does no harm when it is processed twice: its method is idempotent (RFC 9110 section 9.2.2) or the
     * other side knows it again by its key. TRACE, idempotent as well, is refused before.
     */
    public static function isHarmless(string $method, bool $hasIdempotencyKey): bool
    {
        return $hasIdempotencyKey || in_array($method, self::IDEMPOTENT, true);
    }

    /** Whether an answer with this status is asked for once more. */
    public static function afterAnswer(int $status, bool $isHarmless): bool
    {
        return $isHarmless && in_array($status, self::STATUSES, true);
    }

    /** Whether a failed attempt is made once more; the failure's "sent" is that of this attempt alone. */
    public static function afterFailure(OutboundException $failure, bool $isHarmless): bool
    {
        $passes = in_array($failure->errorClass(), self::CLASSES, true) && $failure->errorCode() !== 'timeout.total';
        return $passes && ($failure->sent() === 'no' || $failure->sent() === 'maybe' && $isHarmless);
    }
}
