<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Client;
use GuzzleHttp\ClientInterface;
use GuzzleHttp\HandlerStack;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\FakeCredentialProvider;
use Netresearch\NrVault\Outbound\Testing\FakeTransport;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use PHPUnit\Framework\TestCase;

/**
 * Guzzle, of the version that is installed, on the services of a fake transport.
 */
abstract class GuzzleTestCase extends TestCase
{
    protected const BASE = 'https://api.example.com/v1';

    protected FakeTransport $transport;
    protected MemoryAuditSink $audit;

    protected function setUp(): void
    {
        self::assertSame((int) (getenv('GUZZLE') ?: 8), ClientInterface::MAJOR_VERSION);
        $this->transport = new FakeTransport([]);
        $this->audit = new MemoryAuditSink();
    }

    protected function calls(): ServiceCalls
    {
        $policy = ['allowed_methods' => ['GET', 'HEAD', 'POST'], 'max_redirects' => 0];
        $service = static fn (string $url, string $key): array => [
            'base_url' => $url,
            'policy' => $policy,
            'credentials' => [['identifier' => $key, 'type' => 'bearer']],
        ];
        $registry = new ArrayServiceRegistry([
            'api' => $service(self::BASE, 'key_of_api'),
            'admin' => $service(self::BASE . '/admin', 'key_of_admin'),
            'twin' => $service(self::BASE . '/admin', 'key_of_twin'),
            'other' => $service('https://other.example.com', 'key_of_other'),
            'open' => ['base_url' => 'https://open.example.com/feed', 'policy' => $policy],
            'form' => [
                'base_url' => 'https://form.example.com',
                'policy' => $policy,
                'credentials' => [
                    ['identifier' => 'key_of_form', 'type' => 'secret', 'placement' => ['type' => 'body_field', 'name' => 'secret']],
                ],
            ],
            'query' => [
                'base_url' => 'https://query.example.com',
                'policy' => $policy,
                'credentials' => [
                    ['identifier' => 'key_of_query', 'type' => 'secret', 'placement' => ['type' => 'query', 'name' => 'key']],
                ],
            ],
        ]);
        return new ServiceCalls($registry, new FakeCredentialProvider(), $this->transport, $this->audit);
    }

    /**
     * @param array<string, mixed> $config
     */
    protected function client(array $config = [], string ...$services): Client
    {
        $handler = new SecureHandler($this->calls(), $services === [] ? ['api', 'admin', 'other'] : array_values($services));
        return new Client($config + ['handler' => HandlerStack::create($handler)]);
    }

    /** The exception of the library with which the call ends. */
    protected static function refusal(\Closure $call): OutboundException
    {
        $failure = self::thrown($call)->getPrevious();
        self::assertInstanceOf(OutboundException::class, $failure);
        return $failure;
    }

    /** The exception of Guzzle with which the call ends. */
    protected static function thrown(\Closure $call): \Throwable
    {
        try {
            $call();
        } catch (\Throwable $thrown) {
            return $thrown;
        }
        self::fail('The call was answered.');
    }

    /**
     * The services of the requests that were sent.
     *
     * @return list<string>
     */
    protected function services(): array
    {
        return array_column($this->transport->requests(), 'serviceId');
    }
}
