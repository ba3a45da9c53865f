<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;

/**
 * A sink whose chosen methods fail, and which records each call of a method.
 */
final class FailingSink implements AuditSink
{
    /** @var list<array{string, mixed}> */
    public array $steps = [];

    /** @var list<AuditEntry> */
    public array $entries = [];

    /**
     * @param list<string> $failing names of methods
     */
    public function __construct(private readonly array $failing, private readonly ?\Closure $look = null)
    {
    }

    public function write(AuditEntry $entry): void
    {
        $this->step('write', $entry);
    }

    public function begin(AuditEntry $intent): void
    {
        $this->step('begin', $intent);
    }

    public function complete(AuditEntry $entry): void
    {
        $this->step('complete', $entry);
    }

    private function step(string $step, AuditEntry $entry): void
    {
        $this->steps[] = [$step, $this->look === null ? null : ($this->look)()];
        $this->entries[] = $entry;
        if (in_array($step, $this->failing, true)) {
            throw new \RuntimeException('The disk is full.');
        }
    }
}
