<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * A moment on the monotonic clock.
 *
 * @internal
 */
final readonly class Deadline
{
    /**
     * @param int $at nanoseconds, as hrtime() counts them
     */
    private function __construct(private int $at)
    {
    }

    /**
     * @param int $milliseconds at most a few days
     * @param int|null $from nanoseconds of hrtime(); null: now
     */
    public static function in(int $milliseconds, ?int $from = null): self
    {
        return new self(($from ?? (int) hrtime(true)) + $milliseconds * 1_000_000);
    }

    /** Whole milliseconds that are left, rounded up; 0 or less once it has passed. */
    public function left(): int
    {
        return (int) ceil(($this->at - hrtime(true)) / 1_000_000);
    }

    /** Sleeps until then; a signal does not end it. */
    public function await(): void
    {
        while (($left = $this->at - hrtime(true)) > 0) {
            usleep(intdiv($left, 1000) + 1);
        }
    }

    public function hasPassed(): bool
    {
        return hrtime(true) >= $this->at;
    }
}
