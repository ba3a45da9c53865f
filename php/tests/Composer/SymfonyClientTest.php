<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Netresearch\NrVault\Outbound\Call\Placeholder;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Symfony\InvalidOption;
use Netresearch\NrVault\Outbound\Symfony\SecureSymfonyClient;
use Netresearch\NrVault\Outbound\Symfony\TransportFailure;
use Symfony\Component\HttpClient\Response\StreamableInterface;

/**
 * Symfony's client on the services of a fake transport: which service a request belongs to, and what its options become.
 *
 * @group composer
 */
final class SymfonyClientTest extends GuzzleTestCase
{
    public function testARequestIsACallOfItsService(): void
    {
        $this->transport->respond(201, 'body', [['x-a', '1'], ['x-a', '2']]);
        $response = $this->symfony()->request('POST', self::BASE . '/notes?a=1#part', [
            'auth_bearer' => 'any key',
            'query' => ['a' => '~', 'b' => ['c' => 'd']],
            'json' => ['note' => 'Zoë'],
            'headers' => ['X-Own' => 'mine', 'X-Line: own'],
            'max_duration' => 2.5,
            'max_connect_duration' => 1.5,
        ]);
        $sent = $this->transport->requests()[0];

        self::assertSame([201, 'body', ['1', '2']], [
            $response->getStatusCode(),
            $response->getContent(),
            $response->getHeaders()['x-a'],
        ]);
        self::assertSame(['api', 'POST', self::BASE . '/notes?a=~&b%5Bc%5D=d'], [$sent->serviceId, $sent->method, $sent->url]);
        self::assertSame('{"note":"Zo\u00eb"}', $sent->body);
        self::assertSame([2500, 1500], [$sent->timeoutMs, $sent->connectTimeoutMs]);
        self::assertSame([['X-Own', 'mine'], ['X-Line', 'own'], ['Content-Type', 'application/json']], $sent->headers);
        self::assertSame('key_of_api', $sent->credentials[0]->reference->identifier);
        self::assertCount(1, $this->audit->entries());
    }

    public function testTheServiceOfARequest(): void
    {
        $client = $this->symfony()->withOptions(['base_uri' => self::BASE . '/']);
        foreach (['users' => [], 'admin/x' => [SecureSymfonyClient::SERVICE => 'twin'], 'https://other.example.com/' => []] as $url => $options) {
            $this->transport->respond();
            $client->request('GET', $url, $options)->getStatusCode();
        }
        $this->transport->respond();
        $client->request('GET', 'admin/x', ['auth_bearer' => Placeholder::of('admin')])->getStatusCode();

        self::assertSame(['api', 'twin', 'other', 'admin'], $this->services());
    }

    /**
     * @dataProvider outside
     * @param array<string, mixed> $options
     */
    public function testWhatIsOfNoServiceIsRefused(string $url, array $options, string $code): void
    {
        $refusal = self::refusal(fn (): int => $this->symfony()->request('GET', $url, $options)->getStatusCode());

        self::assertSame([$code, 'no'], [$refusal->errorCode(), $refusal->sent()]);
        self::assertSame([], $this->services());
    }

    /**
     * @return iterable<string, array{string, array<string, mixed>, string}>
     */
    public static function outside(): iterable
    {
        yield 'another host' => ['https://evil.example.com/v1/x', [], 'policy.host_not_allowed'];
        yield 'another path' => ['https://api.example.com/v2/x', [], 'policy.path_not_allowed'];
        yield 'two services' => [self::BASE . '/admin', [], 'invalid_request.malformed'];
        yield 'the option of another' => [self::BASE, [SecureSymfonyClient::SERVICE => 'other'], 'policy.host_not_allowed'];
        yield 'the placeholder of another' => [self::BASE, ['auth_bearer' => Placeholder::of('other')], 'policy.host_not_allowed'];
    }

    /**
     * @dataProvider redirects
     */
    public function testARedirectStaysInItsService(string $location, ?string $target): void
    {
        $this->transport->respond(302, 'moved', [['location', $location]])->respond(200, 'there');
        $response = $this->symfony()->request('GET', self::BASE . '/a/b');
        if ($target !== null) {
            self::assertSame('there', $response->getContent());
            self::assertSame([$target, 1], [$response->getInfo('url'), $response->getInfo('redirect_count')]);
            return;
        }
        self::assertSame('policy.redirect_not_allowed', self::refusal($response->getContent(...))->errorCode());
        self::assertSame(['api'], $this->services());
    }

    /**
     * @return iterable<string, array{string, string|null}>
     */
    public static function redirects(): iterable
    {
        yield 'beside' => ['c?d=1', self::BASE . '/a/c?d=1'];
        yield 'whole' => [self::BASE . '/y', self::BASE . '/y'];
        yield 'another service' => ['https://other.example.com/x', null];
        yield 'a part that two services have' => ['/v1/admin/x', null];
        yield 'another host' => ['//evil.example.com/v1/x', null];
        yield 'above the base path' => ['/v2/x', null];
        yield 'another scheme' => ['http://api.example.com/v1/x', null];
    }

    /**
     * @dataProvider refused
     */
    public function testWhatTheLibraryDoesNotDoIsRefusedByItsName(string $name, mixed $value): void
    {
        try {
            $this->symfony()->request('GET', self::BASE, [$name => $value]);
            self::fail('The request was sent.');
        } catch (InvalidOption $refusal) {
            self::assertStringContainsString($name, $refusal->getMessage());
        }
        self::assertSame([], $this->services());
    }

    /**
     * @return iterable<string, array{string, mixed}>
     */
    public static function refused(): iterable
    {
        yield 'verify_peer' => ['verify_peer', false];
        yield 'verify_host' => ['verify_host', false];
        yield 'resolve' => ['resolve', ['a' => '127.0.0.1']];
        yield 'bindto' => ['bindto', 'lo'];
        yield 'proxy' => ['proxy', 'http://127.0.0.1:1'];
        yield 'crypto_method' => ['crypto_method', STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT];
        foreach (['cafile', 'capath', 'local_cert', 'local_pk', 'passphrase', 'ciphers'] as $name) {
            yield $name => [$name, 'x'];
        }
        yield 'peer_fingerprint' => ['peer_fingerprint', ['sha1' => 'x']];
        yield 'capture_peer_cert_chain' => ['capture_peer_cert_chain', true];
        yield 'max_connect_duration' => ['max_connect_duration', 'soon'];
        yield 'timeout' => ['timeout', 'soon'];
        yield 'unknown' => ['curl', []];
    }

    public function testAFailureIsNoticedWhenAResponseIsDropped(): void
    {
        $this->transport->fail('dns.not_found');

        $this->expectException(TransportFailure::class);
        $this->symfony()->request('GET', self::BASE);
    }

    public function testTheComponentsStream(): void
    {
        $this->transport->respond(200, 'the body');
        $response = $this->symfony()->request('GET', self::BASE);
        self::assertInstanceOf(StreamableInterface::class, $response);

        self::assertSame('the body', stream_get_contents($response->toStream()));
    }

    private function symfony(): SecureSymfonyClient
    {
        return new SecureSymfonyClient($this->calls(), ['api', 'admin', 'twin', 'other']);
    }

    protected static function refusal(\Closure $call): OutboundException
    {
        $thrown = self::thrown($call);
        self::assertInstanceOf(TransportFailure::class, $thrown);
        $failure = $thrown->getPrevious();
        self::assertInstanceOf(OutboundException::class, $failure);
        return $failure;
    }
}
