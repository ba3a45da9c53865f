<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * The contract with the transport in PHP, which sends through ext-curl.
 */
final class PhpTransportTest extends TransportContract
{
    use Cases\BodySourceCases;
    use Cases\ConcurrentCases;
    use Cases\ExchangeCases;
    use Cases\StreamCases;

    protected static function transportName(): string
    {
        return Transports::PHP;
    }
}
