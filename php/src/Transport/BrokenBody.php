<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The end of a call that the source of its body has broken off: it names what the source threw, and not what the engine was told.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final class BrokenBody
{
    /** The failure of the call, or what the source of the body threw: that is why the call has failed. */
    public static function failure(?\Throwable $thrown, #[\SensitiveParameter] OutboundException $told): \Throwable
    {
        if (!$thrown instanceof OutboundException) {
            return $thrown ?? $told;
        }
        return $thrown->withSent($told->sent(), $told->httpStatus())
            ->asEndOfCall(false, self::record($thrown, AuditShape::of($told->auditRecord() ?? [])));
    }

    /**
     * @param AuditRecord $record
     * @return AuditRecord
     */
    public static function record(?\Throwable $thrown, array $record): array
    {
        if ($thrown === null || ($record['error_code'] ?? null) !== 'cancelled.requested') {
            return $record;
        }
        [$class, $code] = $thrown instanceof OutboundException
            ? [$thrown->errorClass(), $thrown->errorCode()]
            : ['internal', 'internal.interrupted'];
        // What the package does not know is no end of an attempt.
        $errors = array_slice($record['attempt_errors'] ?? [], 0, -1);
        return array_replace($record, [
            'attempt_errors' => $thrown instanceof OutboundException ? [...$errors, $code] : $errors,
            'error_class' => $class,
            'error_code' => $code,
        ]);
    }
}
