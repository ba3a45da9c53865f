<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Exception\RequestCancelledException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Http\CancellationSignalInterface;
use Netresearch\NrVault\Outbound\Psr18\ServiceNetworkException;

/**
 * How a caller wants a response: whole or as a stream, with or without a signal that ends the call; and nr-vault's exceptions and
 * codes for what comes of it. The interface of the signal exists only in releases whose callers can have one.
 *
 * @internal
 */
final readonly class Manner
{
    private const CANCELLED_BEFORE = 1786579201;
    private const CANCELLED = 1786579202;
    private const IDLE = 1786579206;

    private const STREAM_CANCELLED_BEFORE = 1790475701;
    private const STREAM_CANCELLED = 1790475702;
    private const STREAM_IDLE = 1790487201;

    private function __construct(public bool $isStream, public ?CancellationSignalInterface $signal)
    {
    }

    public static function whole(?CancellationSignalInterface $signal = null): self
    {
        return new self(false, $signal);
    }

    public static function stream(?CancellationSignalInterface $signal): self
    {
        return new self(true, $signal);
    }

    public function isCancelled(): bool
    {
        return $this->signal?->isCancelled() === true;
    }

    /** For a call that was cancelled before its beginning. */
    public function cancelledBefore(): \Throwable
    {
        return new RequestCancelledException(
            'the call was cancelled before anything was read or sent',
            $this->isStream ? self::STREAM_CANCELLED_BEFORE : self::CANCELLED_BEFORE,
        );
    }

    /** What nr-vault's client throws for a failure before the response is returned. */
    public function failure(ServiceNetworkException $exception): \Throwable
    {
        $code = $exception->failure()->errorCode();
        return match (true) {
            $code === 'cancelled.requested' => new RequestCancelledException(
                'the call was cancelled while it waited',
                $this->isStream ? self::STREAM_CANCELLED : self::CANCELLED,
                $exception,
            ),
            $code === 'timeout.idle' && ($this->isStream || $this->signal !== null) => new VaultException(
                $exception->getMessage(),
                $this->isStream ? self::STREAM_IDLE : self::IDLE,
                $exception,
            ),
            default => $exception,
        };
    }
}
