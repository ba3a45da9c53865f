<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Netresearch\NrVault\Outbound\Call\Placeholder;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stripe\SecureStripeClient;
use Netresearch\NrVault\Outbound\Tests\Integration\SdkTestCase;
use Stripe\ApiRequestor;
use Stripe\Exception\ApiConnectionException;
use Stripe\Exception\UnexpectedValueException;
use Stripe\StripeClient;

/**
 * Stripe's SDK, by the client interface that is its own.
 *
 * @group composer
 */
final class StripeTest extends SdkTestCase
{
    protected function tearDown(): void
    {
        // Without them, the SDK makes its own again.
        (new \ReflectionClass(ApiRequestor::class))->setStaticPropertyValue('_httpClient', null);
        (new \ReflectionClass(ApiRequestor::class))->setStaticPropertyValue('_streamingHttpClient', null);
    }

    /**
     * @dataProvider transports
     */
    public function testItNeedsNoKey(string $transport): void
    {
        $seen = self::stripe($transport)->customers->create(['name' => 'Zoë', 'metadata' => ['a' => '1']], ['idempotency_key' => 'own-1'])
            ->toArray();

        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, $seen);
        self::assertStringNotContainsString(Placeholder::of('sdk'), (string) json_encode($seen));
        self::assertSame(['POST', '/v1/customers'], [$seen['method'], $seen['uri']]);
        self::assertSame('name=Zo%C3%AB&metadata[a]=1', base64_decode($seen['body']));
        self::assertSame('own-1', $seen['headers']['idempotency-key']);
        self::assertArrayHasKey('stripe-version', $seen['headers']);
    }

    /**
     * @dataProvider transports
     */
    public function testOtherMethods(string $transport): void
    {
        $stripe = self::stripe($transport);
        $seen = $stripe->customers->retrieve('cus_1', ['expand' => ['a', 'b']])->toArray();
        self::assertSame(['GET', '/v1/customers/cus_1?expand[0]=a&expand[1]=b', ''], [$seen['method'], $seen['uri'], $seen['body']]);
        self::assertArrayNotHasKey('idempotency-key', $seen['headers']);

        $seen = $stripe->customers->update('cus_1', [])->toArray();
        self::assertSame(['POST', '/v1/customers/cus_1', ''], [$seen['method'], $seen['uri'], $seen['body']]);
        self::assertNotEmpty($seen['headers']['idempotency-key']);

        $seen = json_decode($stripe->rawRequest('post', '/v1/echo', ['name' => null, 'list' => [1]], ['stripe_version' => '2026-01-01.clover'])->body, true);
        self::assertSame('list[0]=1', base64_decode($seen['body']));
        $seen = json_decode($stripe->rawRequest('post', '/v2/echo', ['name' => null, 'list' => [1]])->body, true);
        self::assertSame('{"name":null,"list":[1]}', base64_decode($seen['body']));
    }

    /**
     * @dataProvider transports
     */
    public function testAFileIsAPartOfAForm(string $transport): void
    {
        $file = fopen(__FILE__, 'r');
        self::assertNotFalse($file);
        $seen = self::stripe($transport)->files->create(['purpose' => 'dispute_evidence', 'file' => $file])->toArray();

        self::assertSame('dispute_evidence', $seen['fields']['purpose']);
        self::assertSame(sha1_file(__FILE__), $seen['files']['file']['sha1']);
    }

    /**
     * @dataProvider transports
     */
    public function testAStreamGetsTheBody(string $transport): void
    {
        $body = '';
        self::stripe($transport)->quotes->pdf('qt_1', static function (string $bytes) use (&$body): void {
            $body .= $bytes;
        });

        self::assertSame('/v1/quotes/qt_1/pdf', json_decode($body, true)['uri']);
    }

    /**
     * @dataProvider transports
     */
    public function testAStreamOfManyPieces(string $transport): void
    {
        $sizes = [];
        self::stripe($transport);
        $client = ApiRequestor::streamingHttpClient();
        $url = substr(self::$upstream->url(), 0, -strlen('/v1')) . '/v1/bytes/300000';
        $seen = $client->requestStream('get', $url, [], [], false, static function (string $bytes) use (&$sizes): void {
            $sizes[] = strlen($bytes);
        });

        self::assertSame(300000, array_sum($sizes));
        self::assertGreaterThan(1, count($sizes));
        self::assertSame([null, 201], [$seen[0], $seen[1]]);
        self::assertSame('application/octet-stream', $seen[2]['Content-Type']);
        $url = substr(self::$upstream->url(), 0, -strlen('/v1')) . '/v1/status/404';
        $seen = $client->requestStream('get', $url, [], [], false, static fn () => self::fail('An error is no stream.'));
        self::assertSame(404, $seen[1]);
        self::assertStringContainsString('/v1/status/404', (string) $seen[0]);
    }

    public function testAnErrorOfTheApiIsTheSdksOwn(): void
    {
        $this->expectException(UnexpectedValueException::class);
        $this->expectExceptionMessage('HTTP response code was 404');
        self::stripe('rust')->rawRequest('get', '/v1/status/404');
    }

    /**
     * @dataProvider transports
     */
    public function testARefusalIsNoFailureOfTheNetwork(string $transport): void
    {
        try {
            self::stripe($transport)->customers->delete('cus_1');
            self::fail('The call was answered.');
        } catch (UnexpectedValueException $refusal) {
            self::assertInstanceOf(OutboundException::class, $refusal->getPrevious());
            self::assertSame('policy.method_not_allowed', $refusal->getPrevious()->errorCode());
        }
        try {
            self::stripe($transport, 'https://files.stripe.com')->customers->all();
            self::fail('The call was answered.');
        } catch (UnexpectedValueException $refusal) {
            self::assertSame('policy.host_not_allowed', $refusal->getPrevious()?->errorCode());
        }
    }

    public function testAFailureOfTheNetworkIsOne(): void
    {
        try {
            self::stripe('rust', null, 0.05)->rawRequest('get', '/v1/silent');
            self::fail('The call was answered.');
        } catch (ApiConnectionException $failure) {
            self::assertSame('timeout.total', $failure->getPrevious()?->errorCode());
        }
    }

    private static function stripe(string $transport, ?string $base = null, ?float $timeout = null): StripeClient
    {
        $key = self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]);
        // The SDK puts /v1 in front of its paths.
        $own = substr(self::$upstream->url(), 0, -strlen('/v1'));
        $base ??= $own;
        $client = new SecureStripeClient(self::sdkCalls($transport, $key, baseUrl: $own), ['sdk'], $timeout);
        ApiRequestor::setHttpClient($client);
        ApiRequestor::setStreamingHttpClient($client);
        return new StripeClient([
            'api_key' => Placeholder::of('sdk'),
            'api_base' => $base,
            'files_base' => $base,
        ]);
    }
}
