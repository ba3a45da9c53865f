<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * PhpTransport against nginx on loopback: faults that only this transport could have. The tests that the library has to pass too are
 * in the contract.
 */
final class PhpTransportTest extends IntegrationTestCase
{
    /**
     * @dataProvider versions
     */
    public function testACallWithACredential(string $http, string $tls): void
    {
        $request = self::request(
            baseUrl: self::$upstream->url($http, $tls),
            body: '{"a":1}',
            headers: [['Content-Type', 'application/json']],
            credentials: [self::seal('bearer', ['token' => self::CANARY])],
        );
        $response = self::php()->send($request);
        $seen = self::seen($response);
        // PhpTransport does not use HTTP/2 with an older libcurl; docs/transports.md says why.
        $http = curl_version()['version_number'] >= 0x080E01 ? $http : '1.1';

        self::assertSame([200, $http], [$response->status, $response->httpVersion]);
        self::assertSame('Bearer ' . self::CANARY, $seen['headers']['authorization']);
        self::assertSame('{"a":1}', base64_decode($seen['body']));
        self::assertSame(AuditEntry::RECORD, array_keys($response->audit));
        $expected = [
            'service_id' => 'test', 'method' => 'POST', 'host' => 'localhost', 'status' => 200, 'bytes_out' => 7,
            'bytes_in' => strlen($response->body), 'attempts' => 1, 'tls_version' => null, 'http_version' => $http,
            'connection_reused' => false, 'credentials' => ['my_api_key'], 'error_code' => null, 'transport' => 'php',
            'library_version' => PhpTransport::VERSION, 'proxy_resolve' => null,
        ];
        foreach ($expected as $key => $value) {
            self::assertSame($value, $response->audit[$key], $key);
        }
        self::assertContains($response->audit['remote_address'], ['127.0.0.1', '::1']);
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function versions(): iterable
    {
        foreach (['2', '1.1'] as $http) {
            foreach (['1.2', '1.3'] as $tls) {
                yield 'HTTP/' . $http . ', TLS ' . $tls => [$http, $tls];
            }
        }
    }

    public function testEveryCallHasAConnectionOfItsOwn(): void
    {
        $transport = self::php();
        $ports = [];
        for ($call = 0; $call < 5; $call++) {
            $ports[] = self::seen($transport->send(self::request()))['port'];
        }
        self::assertCount(5, array_unique($ports));
    }

    public function testTheEnvironmentHasNoSay(): void
    {
        // Nothing listens at port 9, so a call through these variables would fail. If no_proxy counted, the proxy of the configuration
        // would not be used.
        $environment = ['https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy'];
        array_map(static fn (string $name): bool => putenv($name . '=http://127.0.0.1:9'), $environment);
        putenv('SSL_CERT_FILE=/nonexistent');
        try {
            self::assertSame(200, self::php()->send(self::request())->status);
            array_map(putenv(...), $environment);
            putenv('no_proxy=*');
            putenv('NO_PROXY=*');
            $proxied = self::php(['proxy' => ['url' => 'http://127.0.0.1:9']]);
            $failure = self::fails('connect.refused', self::request(), $proxied);
        } finally {
            array_map(putenv(...), [...$environment, 'SSL_CERT_FILE', 'no_proxy', 'NO_PROXY']);
        }
        self::assertSame(['no', 'local'], [$failure->sent(), $failure->auditRecord()['proxy_resolve'] ?? null]);
    }

    public function testAnchorsOfPhpAndOfLibcurlDoNotCount(): void
    {
        ini_set('curl.cainfo', self::$upstream->tls->authority);
        $system = self::php(['tls' => ['roots' => 'system']]);
        self::fails('tls.certificate_invalid', self::request(), $system);
        $both = ['roots' => 'system+file', 'ca_file' => self::$upstream->tls->authority];
        self::assertSame(200, self::php(['tls' => $both])->send(self::request())->status);
    }

    public function testASecretInTheQueryIsSentAndNotShown(): void
    {
        $credential = self::seal('secret', self::CANARY . ' &', Placement::query('key'));
        $request = self::request(method: 'GET', query: [['a', '']], credentials: [$credential]);
        $response = self::php()->send($request);

        self::assertSame('/v1/echo?a=&key=' . self::CANARY . '%20%26', self::seen($response)['uri']);
        self::assertShowsNoSecret($response->audit);
        self::assertShowsNoSecret($response->headers);
    }

    public function testNothingIsShownOfATransportOrAFailure(): void
    {
        $transport = self::php();
        $credential = self::seal('bearer', ['token' => self::CANARY]);
        self::fails('timeout.total', self::request('/silent', timeoutMs: 100, credentials: [$credential]), $transport);
        self::fails('credential.unusable', self::request(
            credentials: [self::seal('bearer', ['token' => self::CANARY . "\n"])],
        ), $transport);

        self::assertShowsNoSecret($transport);
        self::assertStringNotContainsString('ca_file', print_r($transport, true) . var_export($transport, true));
    }

    public function testADecisionSendsNothingAndARefusalHasARecord(): void
    {
        $port = Port::free();
        $transport = self::php(['internal_hosts' => [
            ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]],
        ]]);
        $request = self::request(baseUrl: 'https://localhost:' . $port . '/v1');
        self::assertSame('https://localhost:' . $port . '/v1/echo', $transport->decide($request)->url);
        $failure = self::fails('policy.method_not_allowed', self::request(method: 'PUT'), decide: true);

        self::assertSame('localhost', $failure->auditRecord()['host'] ?? null);
        self::assertFalse($failure->isRetryable());
    }

    public function testWhatIsSaidOfTheConfiguration(): void
    {
        $key = self::$upstream->tls->key;
        self::assertSame([], self::php()->open());
        $warnings = self::php(['http_versions' => ['1.1', '3']])->open();
        self::assertSame(['http_versions.no_http3'], array_column($warnings, 'code'));
        $loose = tempnam(sys_get_temp_dir(), 'key');
        file_put_contents($loose, base64_encode(random_bytes(32)));
        chmod($loose, 0644);
        $warnings = self::php(['master_keys' => [['provider' => 'file', 'path' => $loose]]])->open();
        unlink($loose);
        self::assertSame(['key_file.permissions'], array_column($warnings, 'code'));

        foreach (
            [
                [],
                ['roots' => 'file'],
                ['roots' => 'file', 'ca_file' => '/nonexistent'],
                ['roots' => 'file', 'ca_file' => $key],
                ['roots' => 'system', 'ca_file' => self::$upstream->tls->authority],
                ['roots' => 'none'],
                ['crl_file' => $key],
                ['verify' => false],
            ] as $tls
        ) {
            try {
                self::php(['tls' => $tls])->open();
                $code = null;
            } catch (OutboundException $refusal) {
                $code = $refusal->errorCode();
            }
            self::assertSame($tls === [] ? null : 'configuration.invalid', $code, (string) json_encode($tls));
        }
    }

    public function testTheVersionIsThatOfTheLibrary(): void
    {
        $request = self::request();

        self::assertSame(self::transport()->send($request)->audit['library_version'], PhpTransport::VERSION);
    }

    /**
     * @param array<string, mixed> $more
     */
    private static function php(array $more = []): PhpTransport
    {
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        return new PhpTransport(self::$upstream->config($more + $keys));
    }

    private static function fails(
        string $code,
        RequestSpec $request,
        ?PhpTransport $transport = null,
        bool $decide = false,
    ): OutboundException {
        $transport ??= self::php();
        try {
            $decide ? $transport->decide($request) : $transport->send($request);
        } catch (OutboundException $failure) {
            self::assertSame($code, $failure->errorCode(), $failure->getMessage());
            self::assertShowsNoSecret($failure);
            return $failure;
        }
        self::fail('Nothing failed.');
    }
}
