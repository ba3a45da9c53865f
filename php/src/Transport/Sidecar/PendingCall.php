<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

/**
 * A call that the sidecar has allowed, and that is not sent yet. One that nobody has any more gives its place back.
 *
 * @internal
 */
final class PendingCall
{
    private bool $isSent = false;

    /**
     * @param int|null $bodyLength of a body that is handed over as a whole
     * @param int $timeoutMs how long it may last from now
     * @param int $totalMs how long it may last if its response is read in pieces
     * @param bool $bringsEnvelopes whether the sidecar wants PHP's envelopes
     */
    public function __construct(
        public readonly SidecarCall $call,
        public readonly ?int $bodyLength,
        public readonly int $timeoutMs,
        public readonly int $totalMs,
        public readonly bool $bringsEnvelopes,
    ) {
    }

    public function __destruct()
    {
        if (!$this->isSent) {
            $this->call->connection->cancel($this->call, Frames::LEFT);
            $this->call->connection->leave($this->call);
        }
    }

    /** Whether it can be sent with a body of this length. */
    public function isCurrent(int $bodyLength): bool
    {
        return $bodyLength === $this->bodyLength && $this->call->connection->has($this->call);
    }

    /** Notes that whoever has the call ends it. */
    public function isSent(): SidecarCall
    {
        $this->isSent = true;
        return $this->call;
    }
}
