<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\Audit\StaticCallContext;

/**
 * Which request a call sends.
 */
final class RequestTest extends ClientTestCase
{
    public function testTheRequestIsThatOfTheServiceAndTheOptions(): void
    {
        $this->transport->respondJson(['id' => 'cus_1']);
        $response = $this->client(['transport' => 'rust', 'idempotency_header' => 'X-Idem'])->request(
            'my-api',
            'POST',
            '/customers',
            ['query' => ['expand' => ['data']], 'json' => ['a' => 1], 'timeout' => 2.5, 'idleTimeout' => 1.5, 'connectTimeout' => 0.5]
                + ['idempotencyKey' => 'key-1'],
        );
        $request = $this->transport->requests()[0];

        self::assertSame(['id' => 'cus_1'], $response->json());
        self::assertSame(['rust'], $this->transport->selected());
        self::assertSame('my-api', $request->serviceId);
        self::assertSame('POST', $request->method);
        self::assertSame('https://api.example.com/v1', $request->baseUrl);
        self::assertSame('/customers', $request->path);
        self::assertNull($request->url);
        self::assertSame([['expand[0]', 'data']], $request->query);
        self::assertSame([['content-type', 'application/json']], $request->headers);
        self::assertSame('{"a":1}', $request->body);
        self::assertSame([2500, 1500, 500], [$request->timeoutMs, $request->idleTimeoutMs, $request->connectTimeoutMs]);
        self::assertSame('key-1', $request->idempotencyKey);
        self::assertSame('X-Idem', $request->idempotencyHeader);
        self::assertSame(['GET', 'POST'], $request->policy?->allowedMethods);
        self::assertSame('my_key', $request->credentials[0]->reference->identifier);
        self::assertSame('nrv1:fake', $request->credentials[0]->sealed);
    }

    public function testSeveralCredentialsKeepTheirOrder(): void
    {
        $this->transport->respond();
        $this->client(['credentials' => [
            ['identifier' => 'password', 'type' => 'secret', 'placement' => 'basic_password'],
            ['identifier' => 'user', 'type' => 'secret', 'placement' => 'basic_username'],
        ]])->request('my-api', 'GET', '');

        self::assertSame(['password', 'user'], $this->credentials->fetched());
        $sent = array_column($this->transport->requests()[0]->references(), 'identifier');
        self::assertSame(['password', 'user'], $sent);
    }

    public function testDefaultHeadersYieldToThoseOfTheCall(): void
    {
        $this->transport->respond()->respond();
        $client = $this->client(['headers' => ['Accept' => 'text/plain', 'X-Version' => '1']]);
        $client->request('my-api', 'GET', '', ['headers' => ['accept' => 'application/json']]);
        $client->request('my-api', 'POST', '', ['json' => [], 'headers' => ['Content-Type' => 'application/x+json']]);
        [$first, $second] = $this->transport->requests();

        self::assertSame([['accept', 'application/json'], ['X-Version', '1']], $first->headers);
        $expected = [['Content-Type', 'application/x+json'], ['Accept', 'text/plain'], ['X-Version', '1']];
        self::assertSame($expected, $second->headers);
    }

    public function testTheTraceOfTheCallerIsPassedOnUnchanged(): void
    {
        $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
        $this->transport->respond()->respond();
        $client = $this->client(context: new StaticCallContext(traceparent: $trace));
        $client->request('my-api', 'GET', '');
        $client->request('my-api', 'GET', '', ['headers' => ['Traceparent' => '00-own']]);
        [$first, $second] = $this->transport->requests();

        self::assertSame([['traceparent', $trace]], $first->headers);
        self::assertSame([['Traceparent', '00-own']], $second->headers);
    }

    public function testATraceThatIsNoHeaderIsNotPassedOn(): void
    {
        $this->transport->respond();
        $this->client(context: new StaticCallContext(traceparent: "00-a\r\nx: y"))->request('my-api', 'GET', '');

        self::assertSame([], $this->transport->requests()[0]->headers);
    }

    public function testTheCorrelationIdIsNewUnlessHandedIn(): void
    {
        $this->transport->respond()->respond()->respond();
        $client = $this->client();
        $client->request('my-api', 'GET', '');
        $client->request('my-api', 'GET', '');
        $client->request('my-api', 'GET', '', ['correlationId' => 'order-17']);
        $ids = array_column($this->transport->requests(), 'correlationId');

        self::assertMatchesRegularExpression(self::UUID7, $ids[0]);
        self::assertMatchesRegularExpression(self::UUID7, $ids[1]);
        self::assertNotSame($ids[0], $ids[1]);
        self::assertSame('order-17', $ids[2]);
        self::assertSame('order-17', $this->audit->entries()[2]->record['correlation_id']);
        self::assertEqualsWithDelta(time(), hexdec(substr(strtr($ids[0], ['-' => '']), 0, 12)) / 1000, 5);
    }

    /**
     * @dataProvider refused
     * @param array<mixed> $options
     */
    public function testARefusedCallAsksForNoCredential(string $code, string $id, string $method, array $options): void
    {
        $failure = self::failure(fn () => $this->client()->request($id, $method, '/x', $options));

        self::assertSame($code, $failure->errorCode());
        self::assertSame('no', $failure->sent());
        self::assertSame([], $this->credentials->fetched());
        self::assertSame([], $this->transport->requests());
    }

    /**
     * @return iterable<string, array{string, string, string, array<mixed>}>
     */
    public static function refused(): iterable
    {
        yield 'an unknown service' => ['policy.service_unknown', 'other', 'GET', []];
        yield 'a disabled service' => ['policy.service_disabled', 'broken', 'GET', []];
        yield 'an unknown option' => ['invalid_request.malformed', 'my-api', 'GET', ['verify' => false]];
        yield 'what the transport refuses' => ['policy.method_not_allowed', 'my-api', 'DELETE', []];
    }
}
