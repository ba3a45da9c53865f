<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Writes the record with which each call ends.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final readonly class Settlement
{
    public function __construct(private Auditor $auditor)
    {
    }

    /**
     * A response.
     *
     * @param int $call its number among the open calls
     * @param AuditRecord|AuditText $told the transport's record
     * @throws OutboundException internal.audit_failed
     */
    public function ended(int $call, CallRecord $record, int $status, array|AuditText $told): AuditEntry
    {
        $entry = $record->response($told);
        OpenCalls::end($call);
        $isKept = $this->keep($entry, $record, $status);
        $this->auditor->dispatch($entry);
        if (!$isKept && $record->isRequired) {
            throw OutboundException::create(
                'internal.audit_failed',
                'the call was made, and its record could not be completed',
                sent: 'yes',
                httpStatus: $status,
                auditRecord: $entry->record,
            );
        }
        return $entry;
    }

    /**
     * A refusal or a failure. A call that has its record already gets no other.
     *
     * @return array{OutboundException, AuditEntry} what the caller gets
     */
    public function failed(int $call, CallRecord $record, OutboundException $failure): array
    {
        $entry = $record->failure($failure);
        return OpenCalls::end($call) ? [$this->write($record, $entry, $failure), $entry] : [$failure, $entry];
    }

    /**
     * The record of a call that was interrupted: by an exception that this package does not handle, by a fatal error or by
     * exit(). A response that was being read is abandoned.
     */
    public function interrupted(CallRecord $record): void
    {
        $stream = $record->stream?->get();
        if ($stream !== null) {
            $stream->abandon();
            return;
        }
        $message = 'the call was left before its end';
        $failure = OutboundException::create('internal.interrupted', $message, sent: $record->sent);
        $this->write($record, $record->failure($failure), $failure, false);
    }

    /**
     * The record of a stream, which writes one only.
     *
     * @return array{OutboundException, AuditEntry}
     */
    public function streamFailed(int $call, CallRecord $record, OutboundException $failure): array
    {
        OpenCalls::end($call);
        $entry = $record->failure($failure);
        return [$this->write($record, $entry, $failure), $entry];
    }

    private function write(
        CallRecord $record,
        AuditEntry $entry,
        OutboundException $failure,
        bool $isTold = true,
    ): OutboundException {
        $isUnrecorded = $failure->errorCode() === 'internal.audit_failed';
        if (!$isUnrecorded && !$this->auditor->end($entry, $record->hasBegun) && $record->isRequired && $isTold) {
            $failure = OutboundException::create(
                'internal.audit_failed',
                'the call ended in ' . $failure->errorCode() . ', and its record could not be written',
                sent: $failure->sent(),
                httpStatus: $failure->httpStatus(),
                auditRecord: $failure->auditRecord(),
            );
        }
        $this->auditor->dispatch($entry);
        return $failure;
    }

    /**
     * @return bool false if the sink has failed
     */
    private function keep(AuditEntry $entry, CallRecord $record, int $status): bool
    {
        // A response with an error status is not a success, and is always recorded.
        if ($record->sample > 1 && $status < 400) {
            if (random_int(1, $record->sample) !== 1) {
                return true;
            }
            $entry = $entry->withWeight($record->sample);
        }
        return $this->auditor->end($entry, $record->hasBegun);
    }
}
