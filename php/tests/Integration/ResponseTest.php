<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Exception\ResponseRejected;
use Netresearch\NrVault\Outbound\Exception\TransferFailed;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Responses, failures and the audit record.
 */
final class ResponseTest extends IntegrationTestCase
{
    private const AUDIT_KEYS = [
        'service_id', 'correlation_id', 'timestamp', 'method', 'host', 'port', 'path_template', 'status', 'duration_us',
        'bytes_out', 'bytes_in', 'attempts', 'attempt_errors', 'token_requests', 'remote_address', 'tls_version',
        'http_version', 'connection_reused', 'credentials', 'error_class', 'error_code', 'sent', 'transport',
        'library_version', 'proxy_resolve',
    ];

    /**
     * @dataProvider protocols
     */
    public function testEveryProtocolIsSpoken(string $http, string $tls): void
    {
        $response = self::transport()->send(self::request(baseUrl: self::$upstream->url($http, $tls)));
        $seen = self::seen($response);

        self::assertSame('HTTP/' . ($http === '2' ? '2.0' : '1.1'), $seen['protocol']);
        self::assertSame('TLSv' . $tls, $seen['tls']);
        self::assertSame($http, $response->httpVersion);
        self::assertSame($http, $response->audit['http_version']);
        self::assertSame($tls, $response->audit['tls_version']);
    }

    /**
     * @return iterable<array{string, string}>
     */
    public static function protocols(): iterable
    {
        yield ['2', '1.3'];
        yield ['2', '1.2'];
        yield ['1.1', '1.3'];
        yield ['1.1', '1.2'];
    }

    /**
     * @dataProvider statuses
     */
    public function testAnyStatusIsAResponse(int $status): void
    {
        $response = self::transport()->send(self::request('/status/' . $status));

        self::assertSame($status, $response->status);
        self::assertSame($status, $response->audit['status']);
        self::assertNull($response->audit['error_code']);
    }

    /**
     * @return iterable<array{int}>
     */
    public static function statuses(): iterable
    {
        yield [201];
        yield [204];
        yield [302];
        yield [404];
        yield [429];
        yield [503];
    }

    public function testHeadersKeepTheirOrderAndBytes(): void
    {
        $response = self::transport()->send(self::request('/headers'));

        self::assertContains(['x-name', "caf\xE9"], $response->headers);
        $cookies = array_filter($response->headers, static fn (array $header): bool => $header[0] === 'set-cookie');
        self::assertSame(['a=1', 'b=2'], array_column($cookies, 1));
    }

    public function testABodyIsBytes(): void
    {
        $response = self::transport()->send(self::request('/bytes/100000'));

        self::assertSame(str_pad('', 100000, "\x00\xFFraw"), $response->body);
        self::assertSame(100000, $response->audit['bytes_in']);
    }

    public function testACompressedBodyIsDecoded(): void
    {
        $response = self::transport()->send(self::request('/gzip'));

        self::assertSame('/v1/gzip', self::seen($response)['uri']);
        self::assertNotContains('content-encoding', array_column($response->headers, 0));
    }

    public function testAWholeUrlKeepsItsQueryByteForByte(): void
    {
        $url = self::$upstream->url() . '/echo?b=%2f+x&a&a=1';
        $host = 'localhost:' . self::$upstream->nginx->port();
        $requests = [
            new RequestSpec('test', 'GET', new Policy(['GET']), self::$upstream->url(), url: $url),
            new RequestSpec('test', 'GET', new Policy(['GET'], allowedHosts: [$host]), url: $url),
        ];
        foreach ($requests as $request) {
            self::assertSame('/v1/echo?b=%2f+x&a&a=1', self::seen(self::transport()->send($request))['uri']);
        }
    }

    public function testAWholeUrlAloneAllowsNoHost(): void
    {
        $request = new RequestSpec('test', 'GET', new Policy(['GET']), url: self::$upstream->url() . '/echo');

        self::failure('policy.host_not_allowed', $request);
    }

    public function testTheAuditRecordTellsOfTheCall(): void
    {
        $response = self::transport()->send(self::request(
            '/customers/cus_1/echo',
            query: [['email', 'someone@example.org']],
            body: 'twelve bytes',
            correlationId: 'corr-1',
            policy: new Policy(['POST'], allowedPaths: ['/v1/customers/{id}/echo']),
        ));
        $audit = $response->audit;

        self::assertEqualsCanonicalizing(self::AUDIT_KEYS, array_keys($audit));
        self::assertSame('test', $audit['service_id']);
        self::assertSame('corr-1', $audit['correlation_id']);
        self::assertMatchesRegularExpression('/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/', $audit['timestamp']);
        self::assertSame('POST', $audit['method']);
        self::assertSame('localhost', $audit['host']);
        self::assertSame(self::$upstream->nginx->port(), $audit['port']);
        self::assertSame('/v1/customers/{id}/echo', $audit['path_template']);
        self::assertSame(200, $audit['status']);
        self::assertSame(12, $audit['bytes_out']);
        self::assertSame(strlen($response->body), $audit['bytes_in']);
        self::assertSame(1, $audit['attempts']);
        self::assertContains($audit['remote_address'], ['127.0.0.1', '::1']);
        self::assertIsInt($audit['duration_us']);
        self::assertSame([], $audit['credentials']);
        self::assertNull($audit['error_class']);
        self::assertNull($audit['error_code']);
        self::assertSame('rust-ffi', $audit['transport']);
        self::assertStringNotContainsString('someone', (string) json_encode($audit));
    }

    /**
     * @dataProvider refusals
     * @param array<string, mixed> $more arguments of RequestSpec
     */
    public function testARefusalHasItsCodeAndSendsNothing(string $code, array $more): void
    {
        $failure = self::failure($code, self::request(...$more + ['path' => '/refused-' . md5($code)]));

        self::assertInstanceOf(RequestRefused::class, $failure);
        self::assertSame('no', $failure->sent());
        self::assertNull($failure->httpStatus());
        self::assertNull($failure->auditRecord()['status'] ?? null);
        self::assertSame($code, $failure->auditRecord()['error_code'] ?? $code);

        $sentinel = '/sentinel-' . bin2hex(random_bytes(4));
        self::transport()->send(self::request($sentinel));
        $seen = self::$upstream->nginx->seen();
        self::assertContains('POST /v1' . $sentinel, $seen);
        self::assertStringNotContainsString('refused-', implode("\n", $seen));
    }

    /**
     * @return iterable<string, array{string, array<string, mixed>}>
     */
    public static function refusals(): iterable
    {
        yield 'no policy' => ['policy.missing', ['policy' => null]];
        yield 'a method that is not in the list' => ['policy.method_not_allowed', ['method' => 'DELETE']];
        yield 'CONNECT' => ['policy.method_not_allowed', ['method' => 'CONNECT', 'policy' => new Policy(['CONNECT'])]];
        yield 'a host that is not in the list' => [
            'policy.host_not_allowed',
            ['policy' => new Policy(['POST'], allowedHosts: ['api.example'])],
        ];
        yield 'an empty list of hosts' => [
            'policy.host_not_allowed',
            ['policy' => new Policy(['POST'], allowedHosts: [])],
        ];
        yield 'a path that is not in the list' => [
            'policy.path_not_allowed',
            ['policy' => new Policy(['POST'], allowedPaths: ['/v1/charges/**'])],
        ];
        yield 'a dot segment' => ['policy.path_not_canonical', ['path' => '/a/%2e%2e/refused-x']];
        yield 'a query in the path' => ['policy.path_not_canonical', ['path' => '/refused-x?a=b']];
        yield 'a header of the connection' => ['policy.header_not_allowed', ['headers' => [['Host', 'api.example']]]];
        yield 'a body over the cap' => [
            'policy.request_too_large',
            ['body' => 'twelve bytes', 'policy' => new Policy(['POST'], requestBytes: 11)],
        ];
        yield 'plain HTTP' => ['policy.scheme_not_allowed', ['baseUrl' => 'http://api.example/v1']];
        yield 'an address inside' => ['policy.address_not_allowed', ['baseUrl' => 'https://127.0.0.1/v1']];
        yield 'an address inside, IPv6' => [
            'policy.address_not_allowed',
            ['baseUrl' => 'https://[::ffff:10.0.0.1]/v1'],
        ];
        yield 'a service id with a space' => ['invalid_request.malformed', ['serviceId' => 'a b']];
    }

    public function testNobodyListens(): void
    {
        $port = Port::free();
        $transport = self::transport(['internal_hosts' => [
            ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]],
        ]]);
        $failure = self::failure('connect.refused', self::request(baseUrl: 'https://localhost:' . $port), $transport);

        self::assertInstanceOf(TransferFailed::class, $failure);
        self::assertSame('no', $failure->sent());
        self::assertTrue($failure->isRetryable());
    }

    public function testAForeignAuthorityIsNotTrusted(): void
    {
        $directory = new TempDir('foreign');
        $tls = ['roots' => 'file', 'ca_file' => (new Certificates($directory))->authority];
        $failure = self::failure('tls.certificate_invalid', self::request(), self::transport(['tls' => $tls]));
        $directory->remove();

        self::assertInstanceOf(TransferFailed::class, $failure);
        self::assertSame('no', $failure->sent());
    }

    public function testTheDeadlineEndsTheCall(): void
    {
        $failure = self::failure('timeout.total', self::request('/silent', timeoutMs: 300));

        self::assertInstanceOf(TransferFailed::class, $failure);
        self::assertSame('maybe', $failure->sent());
    }

    /**
     * @dataProvider protocols
     */
    public function testABodyThatEndsEarlyIsNoBody(string $http, string $tls): void
    {
        $request = self::request('/short', baseUrl: self::$upstream->url($http, $tls));
        $failure = self::failure('protocol.closed_early', $request);

        self::assertSame('yes', $failure->sent());
        self::assertSame(200, $failure->httpStatus());
    }

    public function testABodyOverTheCapTellsTheStatus(): void
    {
        $policy = new Policy(['POST'], responseBytes: 999);
        $failure = self::failure('response.too_large', self::request('/bytes/1000', policy: $policy));

        self::assertInstanceOf(ResponseRejected::class, $failure);
        self::assertSame(['yes', 201], [$failure->sent(), $failure->httpStatus()]);
        self::assertSame(201, $failure->auditRecord()['status'] ?? null);
    }

    public function testAnUnknownNameIsNotFound(): void
    {
        $policy = new Policy(['POST'], allowedHosts: ['nothing.invalid']);
        try {
            self::transport()->send(self::request(baseUrl: 'https://nothing.invalid/v1', policy: $policy));
            self::fail('A name under .invalid was found.');
        } catch (OutboundException $failure) {
            self::assertSame('dns', $failure->errorClass());
            self::assertSame('no', $failure->sent());
        }
    }
}
