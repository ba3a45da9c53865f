<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * How long PHP waits for the sidecar: longer than the call may last, so that the sidecar's own verdict arrives.
 *
 * @internal
 */
final class CallTimes
{
    public const LATE_MS = 250;

    /**
     * @param int $first time of hrtime() until which the response, or the first byte of its body, is waited for
     * @param int $last the same for its end
     * @param bool $isRepeatable whether the request may be processed twice
     */
    public function __construct(
        private int $first,
        private readonly int $last,
        private readonly bool $isRepeatable,
    ) {
    }

    /** The time of hrtime() at which a call of so many milliseconds is given up. */
    public static function after(int $milliseconds): int
    {
        return (int) hrtime(true) + ($milliseconds + self::LATE_MS) * 1_000_000;
    }

    public function until(#[\SensitiveParameter] SidecarCall $call): int
    {
        return $call->hasBody ? $this->last : $this->first;
    }

    public function isOver(#[\SensitiveParameter] SidecarCall $call): bool
    {
        return (int) hrtime(true) >= $this->until($call);
    }

    /** The failure if even the sidecar's own verdict has not come. */
    public function failure(#[\SensitiveParameter] SidecarCall $call): OutboundException
    {
        return self::late($call->response !== null ? 'yes' : ($call->isHandedOver ? 'maybe' : 'no'), $this->isRepeatable);
    }

    public static function late(string $sent, bool $isRepeatable): OutboundException
    {
        $message = 'the sidecar does not answer within the time of the call';
        return OutboundException::create('timeout.total', $message, $sent === 'no' || $isRepeatable, $sent);
    }
}
