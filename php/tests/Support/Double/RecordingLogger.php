<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Psr\Log\AbstractLogger;

/**
 * A logger that records what is logged. The signature of log() is valid for all three major versions of psr/log.
 */
final class RecordingLogger extends AbstractLogger
{
    /** @var list<array{level: string, message: string, context: array<mixed>}> */
    public array $records = [];

    /**
     * @param mixed $level
     * @param string|\Stringable $message
     * @param array<mixed> $context
     */
    public function log($level, $message, array $context = []): void
    {
        $this->records[] = ['level' => (string) $level, 'message' => (string) $message, 'context' => $context];
    }
}
