<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * The contract with the daemon, each case as a service of its registry.
 */
final class SidecarTransportTest extends TransportContract
{
    use Cases\BodySourceCases;
    use Cases\ConcurrentCases;
    use Cases\ExchangeCases;
    use Cases\StreamCases;

    protected static function transportName(): string
    {
        return Transports::SIDECAR;
    }
}
