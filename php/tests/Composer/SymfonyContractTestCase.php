<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Symfony\InvalidOption;
use Netresearch\NrVault\Outbound\Symfony\SecureSymfonyClient;
use Netresearch\NrVault\Outbound\Symfony\TransportFailure;
use Netresearch\NrVault\Outbound\Testing\FakeCredentialProvider;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\TransportFactory;
use PHPUnit\Framework\Attributes\TestWith;
use Symfony\Contracts\HttpClient\HttpClientInterface;
use Symfony\Contracts\HttpClient\Test\HttpClientTestCase;

/**
 * Symfony's own test case for implementations of its contracts. A test that is not here runs as Symfony has written it; what the
 * others want is not there, and each says what there is instead.
 */
abstract class SymfonyContractTestCase extends HttpClientTestCase
{
    abstract protected function transport(): string;

    protected function getHttpClient(string $testCase): HttpClientInterface
    {
        $services = [];
        foreach ([8057, 8067, 8077] as $port) {
            $services["port$port"] = [
                'base_url' => "http://localhost:$port",
                'policy' => ['allowed_methods' => ['GET', 'HEAD', 'POST'], 'allow_http' => true],
                'transport' => $this->transport(),
            ];
        }
        $calls = new ServiceCalls(
            new ArrayServiceRegistry($services),
            new FakeCredentialProvider(),
            new TransportFactory([
                'version' => 1,
                'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [8057, 8067, 8077]]],
            ], Build::library()),
            new MemoryAuditSink(),
        );
        return new SecureSymfonyClient($calls, array_keys($services));
    }

    public function testThePageHasThoseThatAreNotThere(): void
    {
        $page = (string) file_get_contents(dirname(Build::php()) . '/docs/symfony.md');
        preg_match_all('/^\| `(\w+)` \|/m', $page, $rows);
        $own = [];
        foreach ((new \ReflectionClass(self::class))->getMethods() as $method) {
            $isOwn = $method->class === self::class && $method->name !== __FUNCTION__;
            if ($isOwn && str_starts_with($method->name, 'test')) {
                $own[] = substr($method->name, strlen('test'));
            }
        }

        self::assertEqualsCanonicalizing($own, $rows[1]);
    }

    public function testHttpVersion(): void
    {
        $this->expectException(InvalidOption::class);
        parent::testHttpVersion();
    }

    public function testInlineAuth(): void
    {
        $this->expectException(InvalidOption::class);
        parent::testInlineAuth();
    }

    /**
     * @param list<string> $headers
     * @testWith [[]]
     */
    #[TestWith([[]])]
    public function testRedirects(array $headers = []): void
    {
        $this->expectException(TransportFailure::class);
        $this->expectExceptionMessage('policy.redirect_not_allowed');
        parent::testRedirects($headers);
    }

    public function testMaxRedirects(): void
    {
        $this->expectException(TransportFailure::class);
        $this->expectExceptionMessage('policy.redirect_not_allowed');
        parent::testMaxRedirects();
    }

    public function testResolve(): void
    {
        $this->expectException(InvalidOption::class);
        parent::testResolve();
    }

    public function testIdnResolve(): void
    {
        $this->expectException(InvalidOption::class);
        parent::testIdnResolve();
    }

    public function testIPv6Resolve(): void
    {
        $this->expectException(InvalidOption::class);
        $this->getHttpClient(__FUNCTION__)->request('GET', 'http://localhost:8057', ['resolve' => ['localhost' => '::1']]);
    }

    public function testBindToPort(): void
    {
        $this->expectException(InvalidOption::class);
        parent::testBindToPort();
    }

    public function testBindToPortV6(): void
    {
        $this->expectException(InvalidOption::class);
        $this->getHttpClient(__FUNCTION__)->request('GET', 'http://localhost:8057', ['bindto' => '[::1]:9876']);
    }

    public function testMaxConnectDuration(): void
    {
        $this->expectException(TransportFailure::class);
        $this->expectExceptionMessage('policy.host_not_allowed');
        $this->getHttpClient(__FUNCTION__)->request('GET', 'http://10.255.255.1/', ['max_connect_duration' => 0.1])->getHeaders();
    }

    public function testProxy(): void
    {
        $this->expectException(InvalidOption::class);
        parent::testProxy();
    }

    public function testAutoEncodingRequest(): void
    {
        $response = $this->getHttpClient(__FUNCTION__)->request('GET', 'http://localhost:8057');

        self::assertArrayNotHasKey('content-encoding', $response->getHeaders());
        self::assertStringContainsString('gzip', $response->toArray()['HTTP_ACCEPT_ENCODING']);
    }

    public function testUserlandEncodingRequest(): void
    {
        $response = $this->getHttpClient(__FUNCTION__)->request('GET', 'http://localhost:8057', [
            'headers' => ['Accept-Encoding' => 'gzip'],
        ]);

        self::assertSame('GET', $response->toArray()['REQUEST_METHOD']);
    }

    public function testInformationalResponseStream(): void
    {
        $client = $this->getHttpClient(__FUNCTION__);
        $chunks = [];
        foreach ($client->stream($client->request('GET', 'http://localhost:8057/103')) as $chunk) {
            self::assertNull($chunk->getInformationalStatus());
            $chunks[] = [$chunk->isFirst(), $chunk->getContent(), $chunk->isLast()];
        }

        self::assertSame([[true, '', false], [false, 'Here the body', false], [false, '', true]], $chunks);
    }
}
