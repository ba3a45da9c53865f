<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\RequestForm;

/**
 * Says of a failure how far the request had got. A failure is made anew for that, and the first one is let go: the frames
 * of its trace hold more than the caller is shown.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
final class Failure
{
    private const SENT = ['no', 'maybe', 'yes'];

    /** Codes of what may pass without anybody mending anything; the library's list. */
    private const TRANSIENT = [
        'dns.failed',
        'connect.refused',
        'connect.failed',
        'tls.handshake_failed',
        'timeout.connect',
        'timeout.total',
        'protocol.closed_early',
    ];

    /** The same failure of a request that had got this far. Its trace would hold the arguments of the first one's. */
    public static function of(
        #[\SensitiveParameter] OutboundException $failure,
        string $sent,
        ?int $status,
    ): OutboundException {
        return OutboundException::create(
            $failure->errorCode(),
            RequestForm::reason($failure),
            sent: $sent,
            httpStatus: $status,
        );
    }

    /**
     * The same failure as the end of a call.
     *
     * @param bool $isHarmless whether the request may be processed twice
     * @param AuditRecord $auditRecord
     */
    public static function ofCall(
        #[\SensitiveParameter] OutboundException $failure,
        bool $isHarmless,
        array $auditRecord,
    ): OutboundException {
        $passes = in_array($failure->errorCode(), self::TRANSIENT, true);
        return OutboundException::create(
            $failure->errorCode(),
            RequestForm::reason($failure),
            $passes && ($isHarmless || $failure->sent() === 'no'),
            $failure->sent(),
            $failure->httpStatus(),
            $auditRecord,
        );
    }

    /** The worse of two words for how far a request had got. */
    public static function worse(string $one, string $other): string
    {
        return self::SENT[max(array_search($one, self::SENT, true), array_search($other, self::SENT, true))];
    }
}
