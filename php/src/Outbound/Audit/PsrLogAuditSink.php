<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

use Psr\Log\LoggerInterface;
use Psr\Log\LogLevel;

/**
 * Hands each record to a PSR-3 logger: a fixed message, and the columns as context.
 *
 * Whether a record is stored, and how long that takes, depends on the logger: many loggers drop what they cannot write, without
 * an error. For audit mode "required" use JsonLinesAuditSink or PdoAuditSink.
 *
 * @api
 */
final readonly class PsrLogAuditSink implements AuditSink
{
    /**
     * @param string $level of a call that got a response, and of an intent
     * @param string $failureLevel of a call that was refused or failed
     */
    public function __construct(
        private LoggerInterface $logger,
        private string $level = LogLevel::INFO,
        private string $failureLevel = LogLevel::WARNING,
    ) {
    }

    public function write(AuditEntry $entry): void
    {
        $this->log('Outbound call', $entry);
    }

    public function begin(AuditEntry $intent): void
    {
        $this->log('Outbound call begins', $intent);
    }

    public function complete(AuditEntry $entry): void
    {
        $this->log('Outbound call', $entry);
    }

    private function log(string $message, AuditEntry $entry): void
    {
        $failed = in_array($entry->outcome, [AuditEntry::REFUSED, AuditEntry::FAILED], true);
        try {
            $this->logger->log($failed ? $this->failureLevel : $this->level, $message, $entry->toArray());
        } catch (\Throwable) {
            throw new AuditSinkException('the logger did not take the audit record');
        }
    }
}
