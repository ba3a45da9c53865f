<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Testing;

use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Call\FormPart;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\ErrorCode;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\TransferFailed;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\FakeClient;
use Netresearch\NrVault\Outbound\Testing\FakeCredentialProvider;
use Netresearch\NrVault\Outbound\Testing\FakeTransport;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Transport\RequestSpec;
use PHPUnit\Framework\TestCase;

/**
 * The fake client, which extensions use in their tests.
 */
final class FakeClientTest extends TestCase
{
    private const ENTRY = [
        'base_url' => 'https://api.example.com/v1',
        'policy' => [
            'allowed_methods' => ['GET', 'POST'],
            'allowed_paths' => ['/v1/resources', '/v1/resources/{id}', '/v1/files/**'],
            'request_bytes' => 1000,
        ],
        'credentials' => [['identifier' => 'vault:key', 'type' => 'bearer']],
    ];

    public function testItAnswersByTheRequest(): void
    {
        $client = self::client()
            ->on('my-api', 'GET', '/resources/1', SecureHttpResponse::createJson(['id' => 'one']))
            ->on('my-api', 'GET', '/resources/{id}', SecureHttpResponse::create(404))
            ->on('my-api', 'GET', '/files/**', self::path(...))
            ->on('my-api', 'POST', '/resources', SecureHttpResponse::create(201));

        self::assertSame('one', $client->get('my-api', '/resources/1')->json()['id']);
        self::assertSame(404, $client->get('my-api', 'resources/2', ['query' => ['a' => '1']])->statusCode());
        self::assertSame(['/files/a/b'], $client->get('my-api', '/files/a/b')->json());
        self::assertSame(201, $client->post('my-api', '/resources', ['json' => ['a' => 1]])->statusCode());
        self::assertSame('{"a":1}', $client->requests()[3]->body);
        self::assertCount(4, $client->records());
        self::assertSame(self::class . '::' . __FUNCTION__, $client->records()[3]->caller);
        self::assertSame([201, 7], [$client->records()[3]->record['status'], $client->records()[3]->record['bytes_out']]);
    }

    public function testAnswersComeInTurnAndTheLastStays(): void
    {
        $client = self::client()->on(
            'my-api',
            'GET',
            '/resources',
            static fn () => throw FakeClient::failure('timeout.total', 'maybe', true),
            SecureHttpResponse::create(503),
            SecureHttpResponse::create(200),
        );

        $failure = self::failure(static fn () => $client->get('my-api', '/resources'));
        self::assertInstanceOf(TransferFailed::class, $failure);
        self::assertSame(['timeout.total', 'maybe', true], [$failure->errorCode(), $failure->sent(), $failure->isRetryable()]);
        self::assertSame('timeout.total', $client->records()[0]->record['error_code']);
        self::assertTrue($client->get('my-api', '/resources')->isServerError());
        self::assertTrue($client->get('my-api', '/resources')->isOk());
        self::assertTrue($client->get('my-api', '/resources')->isOk());
    }

    public function testWhatIsQueuedAnswersOnceEach(): void
    {
        $client = self::client()
            ->queue(SecureHttpResponse::create(202), static fn () => throw FakeClient::failure('dns.failed', 'no'))
            ->queue(self::path(...))
            ->on('my-api', 'GET', '/resources', SecureHttpResponse::create(204))
            ->otherwise(static fn () => SecureHttpResponse::create(418));

        self::assertSame(202, $client->get('my-api', '/resources/1')->statusCode());
        self::assertSame(204, $client->get('my-api', '/resources')->statusCode());
        self::assertSame('dns.failed', self::failure(static fn () => $client->get('my-api', '/resources/2'))->errorCode());
        self::assertSame(['/resources/3'], $client->get('my-api', '/resources/3')->json());
        self::assertSame(418, $client->get('my-api', '/resources/4')->statusCode());
    }

    public function testARequestWithoutAnAnswerIsAFaultOfTheTest(): void
    {
        $client = self::client();
        try {
            $client->get('my-api', '/resources/7');
            self::fail('It was answered.');
        } catch (\LogicException $fault) {
            self::assertSame('the test has no response for GET /resources/7 of my-api', $fault->getMessage());
        }
        $client->otherwise(self::path(...));
        self::assertSame(['/resources/7'], $client->get('my-api', '/resources/7')->json());
    }

    /**
     * @dataProvider refused
     * @param array<mixed> $options
     * @param array<string, mixed> $entry
     */
    public function testWhatTheServiceRefusesIsRefused(
        string $code,
        string $method,
        string $path,
        array $options = [],
        array $entry = [],
    ): void {
        $config = ['limits' => ['hosts' => ['api.example.com', 'localhost', '10.0.0.1']]];
        $client = self::client($entry, $config)->otherwise(static fn () => SecureHttpResponse::create());
        $failure = self::failure(static fn () => $client->request('my-api', $method, $path, $options));

        self::assertSame([$code, 'no'], [$failure->errorCode(), $failure->sent()]);
        self::assertSame([], $client->requests());
        self::assertSame($code, $client->records()[0]->record['error_code']);
    }

    /**
     * @return iterable<string, array<mixed>>
     */
    public static function refused(): iterable
    {
        yield 'a method' => ['policy.method_not_allowed', 'DELETE', '/resources'];
        yield 'a path' => ['policy.path_not_allowed', 'GET', '/admin'];
        yield 'a path that leads out' => ['policy.path_not_canonical', 'GET', '/resources/..%2f..'];
        yield 'a header' => ['policy.header_not_allowed', 'GET', '/resources', ['headers' => ['Authorization' => 'x']]];
        yield 'a size' => ['policy.request_too_large', 'POST', '/resources', ['body' => str_repeat('a', 1001)]];
        yield 'a size of files' => ['policy.request_too_large', 'POST', '/resources', ['multipart' => [
            'a' => FormPart::contents(str_repeat('a', 1001), 'a'),
        ]]];
        yield 'an unknown option' => ['invalid_request.malformed', 'GET', '/resources', ['verify' => false]];
        $policy = ['allowed_methods' => ['GET']];
        yield 'plain HTTP' => ['policy.scheme_not_allowed', 'GET', '/', [], ['base_url' => 'http://localhost/', 'policy' => $policy]];
        yield 'a host above the limit' => ['policy.host_not_allowed', 'GET', '/', [],
            ['base_url' => 'https://other.example/', 'policy' => $policy]];
        yield 'an address' => ['policy.address_not_allowed', 'GET', '/', [],
            ['base_url' => 'https://10.0.0.1/', 'policy' => $policy]];
        yield 'an own host' => ['policy.address_not_allowed', 'GET', '/', [],
            ['base_url' => 'https://localhost/', 'policy' => $policy]];
        yield 'a field beside a body that takes none' => ['invalid_request.malformed', 'POST', '/resources',
            ['body' => 'text', 'headers' => ['content-type' => 'text/plain']],
            ['credentials' => [['identifier' => 'key', 'type' => 'secret',
                'placement' => ['type' => 'body_field', 'name' => 'key']]]]];
    }

    public function testTheHostsOfItsOwnAreThoseOfTheConfiguration(): void
    {
        $entry = ['base_url' => 'http://erp.internal:8080/v1'];
        $entry['policy'] = ['allowed_methods' => ['GET'], 'allow_http' => true];
        $config = ['internal_hosts' => [['host' => 'erp.internal', 'networks' => ['10.0.0.0/8'], 'ports' => [8080]]]];
        $config['master_keys'] = [['provider' => 'file', 'path' => '/of/another/machine']];
        $client = self::client($entry, $config)->on('my-api', 'GET', '/x', SecureHttpResponse::create());

        self::assertTrue($client->get('my-api', '/x')->isOk());
    }

    public function testAMisspeltServiceIsFoundAtOnce(): void
    {
        $failure = self::failure(static fn () => self::client()->on('my-apy', 'GET', '/', SecureHttpResponse::create()));

        self::assertSame('policy.service_unknown', $failure->errorCode());
    }

    /**
     * @dataProvider faults
     */
    public function testAFaultOfTheTestIsFoundAtOnce(\Closure $work, string $message): void
    {
        $this->expectException(\InvalidArgumentException::class);
        $this->expectExceptionMessage($message);
        $work();
    }

    /**
     * @return iterable<string, array{\Closure, string}>
     */
    public static function faults(): iterable
    {
        yield 'a code' => [static fn () => FakeClient::failure('timeout.totl'), 'no error code timeout.totl'];
        yield 'a code of records alone' => [static fn () => FakeClient::failure('internal.interrupted'), 'no error code'];
        yield 'a word' => [static fn () => FakeClient::failure('timeout.total', 'perhaps'), 'and not perhaps'];
        yield 'a queued code' => [static fn () => (new FakeTransport())->fail('timeout'), 'no error code timeout'];
        yield 'a refused code' => [static fn () => (new FakeTransport())->refuse('policy.no'), 'no error code policy.no'];
        yield 'no response' => [static fn () => self::client()->on('my-api', 'GET', '/'), 'no response'];
        $answer = SecureHttpResponse::create();
        yield 'a method' => [static fn () => self::client()->on('my-api', 'get', '/', $answer), 'no upper-case token'];
        yield 'a path' => [static fn () => self::client()->on('my-api', 'GET', '/**/a', $answer), 'no pattern'];
    }

    public function testACodeIsACaseOrItsText(): void
    {
        self::assertSame('dns.failed', FakeClient::failure(ErrorCode::DnsFailed)->errorCode());
        $transport = (new FakeTransport())->refuse(ErrorCode::PolicyCircuitOpen);
        $failure = self::failure(static fn () => $transport->decide(new RequestSpec('a', 'GET', null, 'https://a.example')));
        self::assertSame('policy.circuit_open', $failure->errorCode());
    }

    public function testAnSdkIsAnsweredAndRefusedAsWell(): void
    {
        $factory = new HttpFactory();
        $transport = (new FakeTransport([]))->on('my-api', 'GET', '/resources/{id}', SecureHttpResponse::create(204))->respond(201);
        $registry = new ArrayServiceRegistry(['my-api' => self::ENTRY]);
        $calls = new ServiceCalls($registry, new FakeCredentialProvider(), $transport, new MemoryAuditSink());
        $client = (new OutboundClientFactory($calls, $factory, $factory))->forService('my-api');
        $uri = 'https://api.example.com/v1/';

        self::assertSame(204, $client->sendRequest($factory->createRequest('GET', $uri . 'resources/1?a'))->getStatusCode());
        self::assertSame(201, $client->sendRequest($factory->createRequest('GET', $uri . 'resources'))->getStatusCode());
        $this->expectExceptionMessage('[policy.path_not_allowed]');
        $client->sendRequest($factory->createRequest('GET', $uri . 'admin'));
    }

    /**
     * @param array<string, mixed> $entry
     * @param array<string, mixed> $config
     */
    private static function client(array $entry = [], array $config = []): FakeClient
    {
        return new FakeClient(['my-api' => $entry + self::ENTRY], $config);
    }

    private static function path(RequestSpec $request): SecureHttpResponse
    {
        return SecureHttpResponse::createJson([$request->path]);
    }

    private static function failure(\Closure $call): OutboundException
    {
        try {
            $call();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('The call was answered.');
    }
}
