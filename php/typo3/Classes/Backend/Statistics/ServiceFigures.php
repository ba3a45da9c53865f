<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Statistics;

/**
 * Figures of the audit records of one service.
 *
 * @internal
 */
final readonly class ServiceFigures
{
    /**
     * @param int $calls in the time that was asked for; errors and median are of the same time
     * @param int $errors calls that were refused, that failed, or whose response has a status of 400 or above
     * @param int|null $median microseconds of the calls that were sent; null if there is none
     * @param int|null $last time of the last call, even if it was earlier; null if there was none
     */
    public function __construct(
        public int $calls = 0,
        public int $errors = 0,
        public ?int $median = null,
        public ?int $last = null,
    ) {
    }

    /** In percent; null if there were no calls. */
    public function errorRate(): ?float
    {
        return $this->calls === 0 ? null : 100 * $this->errors / $this->calls;
    }
}
