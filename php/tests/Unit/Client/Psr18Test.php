<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\NoSeekStream;
use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Utils;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\Psr18\ServiceNetworkException;
use Netresearch\NrVault\Outbound\Psr18\ServiceRequestException;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Reachable;
use Psr\Http\Client\ClientExceptionInterface;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Client\NetworkExceptionInterface;
use Psr\Http\Client\RequestExceptionInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Http\Message\StreamInterface;

final class Psr18Test extends ClientTestCase
{
    private const URI = 'https://api.example.com/v1/a%2Fb?x=%7E&x=2';

    public function testTheAbsoluteUriIsHandedOn(): void
    {
        $this->transport->respond(204, '', [['x-a', '1']]);
        $request = new Request('POST', self::URI . '#part', ['X-B' => ['1', '2'], 'Content-Length' => '4'], 'body');
        $response = $this->psrClient()->sendRequest($request);
        $sent = $this->transport->requests()[0];

        self::assertSame(204, $response->getStatusCode());
        self::assertSame('1', $response->getHeaderLine('X-A'));
        self::assertSame(self::URI, $sent->url);
        self::assertSame('https://api.example.com/v1', $sent->baseUrl);
        self::assertSame('', $sent->path);
        self::assertSame('POST', $sent->method);
        self::assertSame('body', $sent->body);
        self::assertSame([['X-B', '1'], ['X-B', '2']], $sent->headers);
        self::assertSame('my_key', $sent->credentials[0]->reference->identifier);
        self::assertSame(['write'], $this->audit->steps());
    }

    public function testOnlyWhatSaysTheSameIsLeftOut(): void
    {
        $this->transport->respond()->respond();
        $headers = ['Host' => 'other.example', 'Content-Length' => '7', 'Accept' => 'text/plain'];
        $this->psrClient()->sendRequest(new Request('GET', self::URI, $headers, 'body'));
        $this->psrClient()->sendRequest(new Request('GET', 'https://api.example.com:8443/', [], 'body'));
        [$first, $second] = $this->transport->requests();

        $expected = [['Host', 'other.example'], ['Content-Length', '7'], ['Accept', 'text/plain']];
        self::assertEqualsCanonicalizing($expected, $first->headers);
        self::assertSame([], $second->headers);
    }

    public function testAnAnswerThatPsr7DoesNotTakeIsAnExceptionOfPsr18(): void
    {
        $this->transport->respond(999, 'body');
        try {
            $this->psrClient()->sendRequest(new Request('GET', self::URI));
            self::fail("Guzzle's factory took the status.");
        } catch (ServiceNetworkException $failure) {
            self::assertSame(['protocol.invalid', 'yes', 999], [
                $failure->failure()->errorCode(),
                $failure->failure()->sent(),
                $failure->failure()->httpStatus(),
            ]);
        }
        self::assertCount(1, $this->audit->entries());
    }

    public function testABodyIsReadFromItsBeginningWhateverTheFactory(): void
    {
        $this->transport->respond(200, 'body');
        $factory = new HttpFactory();
        $streams = new class () implements StreamFactoryInterface {
            public function createStream(string $content = ''): StreamInterface
            {
                // TYPO3's factory leaves the position behind the content that it has written.
                $stream = Utils::streamFor($content);
                $stream->seek(0, SEEK_END);
                return $stream;
            }

            public function createStreamFromFile(string $filename, string $mode = 'r'): StreamInterface
            {
                throw new \LogicException();
            }

            public function createStreamFromResource($resource): StreamInterface
            {
                throw new \LogicException();
            }
        };
        $client = (new OutboundClientFactory($this->calls(), $factory, $streams))->forService('my-api');

        self::assertSame('body', $client->sendRequest(new Request('GET', self::URI))->getBody()->getContents());
    }

    public function testAStreamThatCannotBeRewoundIsReadOnce(): void
    {
        $this->transport->respond();
        $body = new NoSeekStream(Utils::streamFor('stream'));
        $this->psrClient()->sendRequest(new Request('POST', self::URI, [], $body));

        self::assertSame('stream', $this->transport->requests()[0]->body);
    }

    /**
     * @dataProvider failures
     * @param class-string<ClientExceptionInterface> $interface
     * @param class-string<ClientExceptionInterface> $class
     */
    public function testAFailureIsAnExceptionOfPsr18(string $code, string $interface, string $class): void
    {
        $this->transport->fail($code);
        $request = new Request('GET', self::URI, ['X-Own' => 'mine']);
        try {
            $this->psrClient()->sendRequest($request);
            self::fail('The request was answered.');
        } catch (ServiceRequestException | ServiceNetworkException $failure) {
            self::assertInstanceOf($interface, $failure);
            self::assertSame($class, $failure::class);
            self::assertSame($request, $failure->getRequest());
            self::assertSame($code, $failure->failure()->errorCode());
            self::assertSame($failure->failure()->getCode(), $failure->getCode());
            self::assertNull($failure->getPrevious());
            $reachable = Reachable::strings(Reachable::frames($failure->failure(), __NAMESPACE__));
            $text = implode("\n", [(string) $failure, (string) $failure->failure(), ...$reachable]);
            self::assertStringNotContainsString('nrv1:', $text);
            self::assertStringNotContainsString('x=%7E', $text);
        }
        self::assertCount(1, $this->audit->entries());
    }

    /**
     * @return iterable<string, array{string, class-string, class-string}>
     */
    public static function failures(): iterable
    {
        $network = [NetworkExceptionInterface::class, ServiceNetworkException::class];
        $request = [RequestExceptionInterface::class, ServiceRequestException::class];
        foreach (['dns.not_found', 'connect.refused', 'tls.certificate_invalid', 'timeout.total'] as $code) {
            yield $code => [$code, ...$network];
        }
        foreach (['policy.address_not_allowed', 'credential.expired', 'response.too_large', 'internal.panic'] as $code) {
            yield $code => [$code, ...$request];
        }
    }

    public function testARefusalIsARequestException(): void
    {
        foreach (['my-api' => 'policy.method_not_allowed', 'other' => 'policy.service_unknown'] as $id => $code) {
            try {
                $this->psrClient($id)->sendRequest(new Request('DELETE', self::URI));
                self::fail('The request was answered.');
            } catch (ServiceRequestException $failure) {
                self::assertSame($code, $failure->failure()->errorCode());
                self::assertSame('no', $failure->failure()->sent());
            }
        }
        self::assertSame([], $this->credentials->fetched());
    }

    public function testAClientMayHaveItsOwnTime(): void
    {
        $this->transport->respond()->respond();
        $this->psrClient(timeout: 2.5)->sendRequest(new Request('GET', self::URI));
        $this->psrClient()->sendRequest(new Request('GET', self::URI));

        self::assertSame([2500, null], array_column($this->transport->requests(), 'timeoutMs'));
    }

    public function testAClientThatStreamsReturnsBeforeTheEnd(): void
    {
        $this->transport->respond(200, 'the body', [['x-a', '1'], ['x-a', '2']]);
        $response = $this->psrClient(stream: true)->sendRequest(new Request('GET', self::URI));
        self::assertSame([200, ['1', '2']], [$response->getStatusCode(), $response->getHeader('X-A')]);
        self::assertSame([], $this->audit->entries());
        self::assertFalse($response->getBody()->isSeekable());

        self::assertSame('the body', $response->getBody()->getContents());
        self::assertCount(1, $this->audit->entries());
    }

    public function testFailuresOfAClientThatStreams(): void
    {
        foreach ([[ServiceNetworkException::class, 'dns.not_found'], [ServiceRequestException::class, 'credential.expired']] as [$class, $code]) {
            $this->transport->fail($code);
            try {
                $this->psrClient(stream: true)->sendRequest(new Request('GET', self::URI));
                self::fail('The request was answered.');
            } catch (ServiceRequestException | ServiceNetworkException $failure) {
                self::assertSame([$class, $code], [$failure::class, $failure->failure()->errorCode()]);
            }
        }
        $this->transport->respond(999, 'body');
        try {
            $this->psrClient(stream: true)->sendRequest(new Request('GET', self::URI));
            self::fail("Guzzle's factory took the status.");
        } catch (ServiceNetworkException $failure) {
            self::assertSame(['protocol.invalid', 'yes', 999], [
                $failure->failure()->errorCode(),
                $failure->failure()->sent(),
                $failure->failure()->httpStatus(),
            ]);
        }
        self::assertCount(3, $this->audit->entries());
    }

    public function testAClientMayHaveASignal(): void
    {
        $this->transport->respond()->respond();
        foreach ([false, true] as $stream) {
            $client = $this->psrClient(stream: $stream, cancel: static fn (): bool => false);
            self::assertSame(200, $client->sendRequest(new Request('GET', self::URI))->getStatusCode());
            try {
                $this->psrClient(stream: $stream, cancel: new \stdClass())->sendRequest(new Request('GET', self::URI));
                self::fail('The request was answered.');
            } catch (ServiceRequestException $failure) {
                self::assertStringContainsString('the option cancel', $failure->getMessage());
            }
        }
    }

    private function psrClient(
        string $id = 'my-api',
        ?float $timeout = null,
        bool $stream = false,
        ?object $cancel = null,
    ): ClientInterface {
        $factory = new HttpFactory();
        return (new OutboundClientFactory($this->calls(), $factory, $factory))->forService($id, $timeout, $stream, $cancel);
    }
}
