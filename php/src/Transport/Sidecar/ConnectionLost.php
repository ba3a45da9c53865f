<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

/**
 * The connection to the sidecar is over. Whoever has caught it closes the connection.
 *
 * @internal
 */
final class ConnectionLost extends \RuntimeException
{
    /**
     * @param int|null $taken the highest id that the sidecar says it has taken; null if it has said nothing
     * @param bool $isLate whether the time was over, and not the connection
     */
    public function __construct(public readonly ?int $taken = null, public readonly bool $isLate = false)
    {
        parent::__construct('the connection to the sidecar is over');
    }
}
