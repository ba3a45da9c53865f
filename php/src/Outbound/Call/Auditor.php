<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Event\CallEnded;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\OperatorLog;
use Psr\EventDispatcher\EventDispatcherInterface;
use Psr\Log\LoggerInterface;

/**
 * Gives entries to the sink, and the event to its listeners. A failure there is logged; the audit mode decides whether it also
 * ends the call.
 *
 * @internal
 */
final readonly class Auditor
{
    public function __construct(
        private AuditSink $sink,
        private ?EventDispatcherInterface $events,
        private ?LoggerInterface $logger,
    ) {
    }

    /**
     * Writes the intent of a call.
     *
     * @throws OutboundException internal.audit_failed
     */
    public function begin(AuditEntry $intent): void
    {
        if (!$this->give($this->sink->begin(...), $intent)) {
            throw OutboundException::create(
                'internal.audit_failed',
                'the call was not made, because its record could not be written',
                retryable: true,
            );
        }
    }

    /**
     * Writes the end of a call.
     *
     * @param bool $begun whether its intent was written
     * @return bool whether that succeeded
     */
    public function end(AuditEntry $entry, bool $begun): bool
    {
        return $this->give($begun ? $this->sink->complete(...) : $this->sink->write(...), $entry);
    }

    public function dispatch(AuditEntry $entry): void
    {
        try {
            $this->events?->dispatch(new CallEnded($entry));
        } catch (\Throwable $failure) {
            $this->log('secure-outbound: a listener of CallEnded threw', $entry, $failure);
        }
    }

    /**
     * @param \Closure(AuditEntry): void $write
     */
    private function give(\Closure $write, AuditEntry $entry): bool
    {
        try {
            $write($entry);
            return true;
        } catch (\Throwable $failure) {
            $this->log('secure-outbound: the audit sink failed', $entry, $failure);
            return false;
        }
    }

    private function log(string $what, AuditEntry $entry, \Throwable $failure): void
    {
        OperatorLog::write($this->logger, 'error', $what . ' ({type}): {message}', [
            'type' => $failure::class,
            'message' => $failure->getMessage(),
            'service_id' => $entry->record['service_id'],
            'correlation_id' => $entry->record['correlation_id'],
            'entry_id' => $entry->id,
        ]);
    }
}
