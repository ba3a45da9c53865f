<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;

/**
 * Shows the record of a call to the person who made it.
 *
 * @internal
 */
final readonly class StandardErrorAuditSink implements AuditSink
{
    public function __construct(private Streams $streams)
    {
    }

    public function write(AuditEntry $entry): void
    {
        $this->streams->error($entry->toJson() . "\n");
    }

    public function begin(AuditEntry $intent): void
    {
        $this->write($intent);
    }

    public function complete(AuditEntry $entry): void
    {
        $this->write($entry);
    }
}
