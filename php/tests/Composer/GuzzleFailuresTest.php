<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Exception\ClientException;
use GuzzleHttp\Exception\ConnectException;
use GuzzleHttp\Exception\ConnectTimeoutException;
use GuzzleHttp\Exception\NetworkException;
use GuzzleHttp\Exception\NetworkTimeoutException;
use GuzzleHttp\Exception\RequestException;
use GuzzleHttp\Exception\ResponseException;
use GuzzleHttp\Exception\ResponseTimeoutException;
use GuzzleHttp\Exception\ResponseTransferException;
use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Guzzle\Failures;
use Psr\Http\Client\NetworkExceptionInterface;

/**
 * The exceptions of the installed version of Guzzle.
 *
 * @group composer
 */
final class GuzzleFailuresTest extends GuzzleTestCase
{
    /**
     * @dataProvider failures
     */
    public function testAFailureHasTheClassOfTheInstalledVersion(string $code, ?int $status, string $of7, string $of8): void
    {
        $failure = OutboundException::create($code, 'queued by a test', httpStatus: $status);
        $request = new Request('GET', self::BASE);
        $this->transport->otherwise(static fn () => throw $failure);
        $thrown = self::thrown(fn () => $this->client()->send($request));

        self::assertSame(getenv('GUZZLE') === '7' ? $of7 : $of8, $thrown::class);
        self::assertSame($failure->getMessage(), $thrown->getMessage());
        self::assertSame($code, $thrown->getPrevious()?->errorCode());
        self::assertSame(self::BASE, (string) $thrown->getRequest()->getUri());
        self::assertSame($status, method_exists($thrown, 'getResponse') ? $thrown->getResponse()?->getStatusCode() : null);
        $isNetworks = in_array(strstr($code, '.', true), ['dns', 'connect', 'tls', 'timeout', 'protocol'], true);
        self::assertSame($isNetworks && $status === null, $thrown instanceof NetworkExceptionInterface);
    }

    /**
     * @return iterable<string, array{string, int|null, class-string, class-string}>
     */
    public static function failures(): iterable
    {
        foreach (['dns.not_found', 'connect.refused', 'tls.certificate_invalid'] as $code) {
            yield $code => [$code, null, ConnectException::class, ConnectException::class];
        }
        yield 'to connect' => ['timeout.connect', null, ConnectException::class, ConnectTimeoutException::class];
        yield 'in time' => ['timeout.total', null, ConnectException::class, NetworkTimeoutException::class];
        yield 'no response' => ['protocol.invalid', null, ConnectException::class, NetworkException::class];
        yield 'its end in time' => ['timeout.total', 200, RequestException::class, ResponseTimeoutException::class];
        yield 'its end' => ['protocol.invalid', 200, RequestException::class, ResponseTransferException::class];
        yield 'its size' => ['response.too_large', 200, RequestException::class, ResponseException::class];
        foreach (['policy.address_not_allowed', 'credential.expired', 'oauth.token_endpoint_unreachable', 'internal.panic'] as $code) {
            yield $code => [$code, null, RequestException::class, RequestException::class];
        }
    }

    public function testAStatusIsGuzzlesOwnException(): void
    {
        $this->transport->respond(404, 'not here');
        $thrown = self::thrown(fn () => $this->client()->get(self::BASE));

        self::assertSame(ClientException::class, $thrown::class);
        self::assertSame('not here', (string) $thrown->getResponse()->getBody());
    }

    public function testAStatusThatPsr7DoesNotTake(): void
    {
        $this->transport->respond(999);
        $thrown = self::thrown(fn () => $this->client()->get(self::BASE));

        self::assertSame(['protocol.invalid', 'yes'], [$thrown->getPrevious()?->errorCode(), $thrown->getPrevious()?->sent()]);
    }

    public function testWhatASignalHandlerThrowsPasses(): void
    {
        $this->transport->otherwise(static fn () => throw new \DomainException('mine'));

        $this->expectException(\DomainException::class);
        $this->client()->get(self::BASE);
    }

    public function testAFailureIsOfTheRequestThatItIsAbout(): void
    {
        $request = new Request('GET', self::BASE);

        self::assertSame($request, Failures::of($request, OutboundException::malformed('x'))->getRequest());
    }
}
