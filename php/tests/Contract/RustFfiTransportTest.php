<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Service\SecureHttpResponse;

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

    public function testSeveralCallsShareAConnectionOfHttp2(): void
    {
        $client = self::clientThatStreams(new MemoryAuditSink(), listener: 'h2');
        self::$server->answers('h2', [FaultServer::answer()]);
        foreach ($client->requestAll(array_fill(0, 50, ['streamed', 'POST', '/x']), 50) as $response) {
            self::assertInstanceOf(SecureHttpResponse::class, $response);
        }
        self::assertSame([1, 50], [self::connections('h2'), self::requests('h2')]);
    }
}
