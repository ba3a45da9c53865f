<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

/**
 * A call that the sidecar has allowed, and that is not sent yet.
 *
 * @internal
 */
final readonly class PendingCall
{
    /**
     * @param int $until time of hrtime() until which PHP waits for its end
     * @param bool $bringsEnvelopes whether the sidecar wants PHP's envelopes
     */
    public function __construct(
        public Connection $connection,
        public int $id,
        public int $bodyLength,
        public int $until,
        public bool $bringsEnvelopes,
    ) {
    }

    /** Whether it can be sent on its connection: nothing else has begun there since. */
    public function isCurrent(int $bodyLength): bool
    {
        return $bodyLength === $this->bodyLength && $this->connection->isOpen() && $this->connection->isLatest($this->id);
    }
}
