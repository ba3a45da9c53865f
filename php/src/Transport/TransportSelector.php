<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Gives the transport that a service is configured for.
 *
 * @internal
 */
interface TransportSelector
{
    /**
     * @param string $transport "auto", "rust" or "php"
     * @throws OutboundException configuration.transport_unavailable, and what opening the transport throws
     */
    public function select(string $transport): TransportInterface;
}
