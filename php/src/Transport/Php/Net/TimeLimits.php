<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * How long a call may take.
 *
 * @internal
 */
final readonly class TimeLimits
{
    /**
     * @param Deadline $first for the first byte of the body
     * @param Deadline $total for its last byte
     * @param int|null $idleMs for which nothing may come, while somebody waits for it
     * @param int|null $connectMs for a connection, as the request has it; the configuration has its own
     */
    public function __construct(
        public Deadline $first,
        public Deadline $total,
        public ?int $idleMs = null,
        public ?int $connectMs = null,
    ) {
    }

    /** Milliseconds that are left. */
    public function left(bool $hasBody): int
    {
        return ($hasBody ? $this->total : $this->first)->left();
    }
}
