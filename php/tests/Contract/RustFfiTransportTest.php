<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * The contract with the library, loaded into this process.
 */
final class RustFfiTransportTest extends TransportContract
{
    use Cases\BodySourceCases;
    use Cases\ConcurrentCases;
    use Cases\ExchangeCases;
    use Cases\StreamCases;

    protected static function transportName(): string
    {
        return Transports::RUST_FFI;
    }
}
