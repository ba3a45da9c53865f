<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Whether the caller wants a call to end. It is asked while the call waits.
 *
 * @internal
 */
final readonly class CancellationSignal
{
    /**
     * @param \Closure(): bool $isCancelled
     */
    private function __construct(private \Closure $isCancelled)
    {
    }

    /**
     * Reads the option: an object with a method isCancelled(), or a closure.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function read(mixed $signal): ?self
    {
        if ($signal === null) {
            return null;
        }
        if (is_object($signal) && !$signal instanceof \Closure && method_exists($signal, 'isCancelled')) {
            return new self(static fn (): bool => $signal->isCancelled() === true);
        }
        return $signal instanceof \Closure
            ? new self(static fn (): bool => $signal() === true)
            : throw OutboundException::malformed('the option cancel is no closure and no object with a method isCancelled()');
    }

    public function isCancelled(): bool
    {
        return ($this->isCancelled)();
    }
}
