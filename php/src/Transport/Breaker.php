<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * When calls to a service that fails repeatedly are refused, and for how long. The library counts failures in each process;
 * PhpTransport does not.
 *
 * @api
 */
final readonly class Breaker
{
    public const MAX_FAILURES = 4294967295;

    /** A day. */
    public const MAX_OPEN_MS = 86400000;

    /**
     * @param int $failures number of failed attempts in a row after which calls are refused, at least 1
     * @param int $openMs milliseconds for which calls are then refused, at least 1
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(
        public int $failures,
        public int $openMs,
    ) {
        if ($failures < 1 || $failures > self::MAX_FAILURES) {
            throw OutboundException::malformed('failures of the breaker must be from 1 to ' . self::MAX_FAILURES);
        }
        if ($openMs < 1 || $openMs > self::MAX_OPEN_MS) {
            throw OutboundException::malformed('open_ms of the breaker must be from 1 to ' . self::MAX_OPEN_MS);
        }
    }

    /**
     * The object under "breaker" in a policy.
     *
     * @return array{failures: int, open_ms: int}
     */
    public function toWire(): array
    {
        return ['failures' => $this->failures, 'open_ms' => $this->openMs];
    }

    /**
     * The reverse of toWire(): both keys and no other.
     *
     * @param array<mixed> $wire
     * @throws OutboundException invalid_request.malformed
     */
    public static function fromWire(array $wire): self
    {
        ['failures' => $failures, 'open_ms' => $openMs] = $wire + ['failures' => null, 'open_ms' => null];
        if (count($wire) !== 2 || !is_int($failures) || !is_int($openMs)) {
            throw OutboundException::malformed('the breaker is not {"failures", "open_ms"} of two whole numbers');
        }
        return new self($failures, $openMs);
    }
}
