<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\SealedCredential;
use Psr\Http\Client\ClientInterface;

/**
 * SDKs that use the PSR-18 client of a service, through both transports.
 */
abstract class SdkTestCase extends IntegrationTestCase
{
    /** The SDK gets this text in place of a key. */
    protected const PLACEHOLDER = 'pl4ceh0lder';

    /**
     * @return iterable<string, array{string}>
     */
    public static function transports(): iterable
    {
        yield 'rust' => ['rust'];
        yield 'php' => ['php'];
    }

    /**
     * @param list<string> $placeholders
     */
    protected static function sdkClient(
        string $transport,
        SealedCredential $credential,
        array $placeholders = [],
    ): ClientInterface {
        $factory = new HttpFactory();
        return (new OutboundClientFactory(self::sdkCalls($transport, $credential, $placeholders), $factory, $factory))->forService('sdk');
    }

    /**
     * The calls of one service, "sdk".
     *
     * @param list<string> $placeholders
     */
    protected static function sdkCalls(
        string $transport,
        SealedCredential $credential,
        array $placeholders = [],
        ?string $baseUrl = null,
    ): ServiceCalls {
        $service = [
            'base_url' => $baseUrl ?? self::$upstream->url(),
            'policy' => ['allowed_methods' => ['GET', 'POST', 'PUT'], 'allowed_paths' => ['/v1/**', '/v2/**']],
            'placeholder_headers' => $placeholders,
            'credentials' => [$credential->reference->toWire()],
            'transport' => $transport,
        ];
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        return new ServiceCalls(
            new ArrayServiceRegistry(['sdk' => $service]),
            new ArrayCredentialProvider([$credential->reference->identifier => $credential->sealed]),
            new TransportFactory(self::$upstream->config($keys), Build::library()),
            new MemoryAuditSink(),
        );
    }

    /**
     * Asserts that the server received the key in this header, the placeholder nowhere, and none of the SDK's fields about its
     * connection.
     *
     * @param array{uri: string, headers: array<string, string>} $seen
     */
    protected static function assertKeyArrivedIn(string $header, string $value, array $seen): void
    {
        self::assertSame($value, $seen['headers'][$header] ?? null);
        self::assertStringNotContainsString(self::PLACEHOLDER, (string) json_encode($seen));
        foreach (['expect', 'te', 'keep-alive', 'x-hop'] as $name) {
            self::assertArrayNotHasKey($name, $seen['headers']);
        }
    }
}
