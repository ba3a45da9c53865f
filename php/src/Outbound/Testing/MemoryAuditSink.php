<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;

/**
 * A sink for tests: it stores entries in memory.
 *
 * @api
 */
final class MemoryAuditSink implements AuditSink
{
    /** @var array<string, AuditEntry> */
    private array $entries = [];

    /** @var list<string> */
    private array $steps = [];

    public function write(AuditEntry $entry): void
    {
        $this->keep('write', $entry);
    }

    public function begin(AuditEntry $intent): void
    {
        $this->keep('begin', $intent);
    }

    public function complete(AuditEntry $entry): void
    {
        $this->keep('complete', $entry);
    }

    /**
     * One entry for each call; a completion has replaced its intent.
     *
     * @return list<AuditEntry>
     */
    public function entries(): array
    {
        return array_values($this->entries);
    }

    /**
     * The methods that were called, in order.
     *
     * @return list<string>
     */
    public function steps(): array
    {
        return $this->steps;
    }

    private function keep(string $step, AuditEntry $entry): void
    {
        $this->steps[] = $step;
        $this->entries[$entry->id] = $entry;
    }
}
