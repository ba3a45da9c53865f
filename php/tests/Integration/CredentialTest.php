<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\CredentialUnavailable;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * The upstream receives the credential in its place, and nothing that PHP is given shows it.
 */
final class CredentialTest extends IntegrationTestCase
{
    private const SECRET = 'tok-' . self::CANARY;

    /**
     * @dataProvider headers
     * @param string|array<string, mixed> $payload
     */
    public function testACredentialArrivesInItsHeader(
        string $type,
        string|array $payload,
        ?Placement $placement,
        string $header,
        string $value,
    ): void {
        $response = self::transport()->send(self::request(credentials: [self::seal($type, $payload, $placement)]));

        self::assertSame(200, $response->status);
        self::assertSame($value, self::seen($response)['headers'][$header] ?? null);
        self::assertSame(['my_api_key'], $response->audit['credentials']);
        self::assertShowsNoSecret($response->audit);
        self::assertShowsNoSecret($response->headers);
    }

    /**
     * @return iterable<string, array{string, string|array<string, mixed>, Placement|null, string, string}>
     */
    public static function headers(): iterable
    {
        $pair = 'user:' . self::SECRET;
        $basic = 'Basic ' . base64_encode($pair);
        yield 'bearer' => ['bearer', ['token' => self::SECRET], null, 'authorization', 'Bearer ' . self::SECRET];
        yield 'api_key' => ['api_key', ['key' => self::SECRET], null, 'x-api-key', self::SECRET];
        yield 'api_key in a header with a prefix' => [
            'api_key',
            ['key' => self::SECRET, 'header' => 'Authorization', 'prefix' => 'DeepL-Auth-Key '],
            null,
            'authorization',
            'DeepL-Auth-Key ' . self::SECRET,
        ];
        yield 'basic' => ['basic', ['username' => 'user', 'password' => self::SECRET], null, 'authorization', $basic];
        yield 'secret as bearer' => [
            'secret',
            self::SECRET,
            Placement::bearer(),
            'authorization',
            'Bearer ' . self::SECRET,
        ];
        yield 'secret as api_key' => ['secret', self::SECRET, Placement::apiKey(), 'x-api-key', self::SECRET];
        yield 'secret as basic' => ['secret', $pair, Placement::basic(), 'authorization', $basic];
        yield 'secret in a header' => [
            'secret',
            self::SECRET,
            Placement::header('X-Goog-Api-Key'),
            'x-goog-api-key',
            self::SECRET,
        ];
        yield 'secret in a header with a prefix' => [
            'secret',
            self::SECRET,
            Placement::header('Authorization', 'Key '),
            'authorization',
            'Key ' . self::SECRET,
        ];
    }

    public function testBothCiphersOpen(): void
    {
        foreach ([Sealer::XCHACHA20, Sealer::AES_GCM] as $algorithm) {
            $credential = self::seal('bearer', ['token' => self::SECRET], algorithm: $algorithm);
            $response = self::transport()->send(self::request(credentials: [$credential]));

            self::assertSame('Bearer ' . self::SECRET, self::seen($response)['headers']['authorization'], $algorithm);
        }
    }

    public function testUserAndPasswordComeFromTwoCredentials(): void
    {
        $response = self::transport()->send(self::request(credentials: [
            self::seal('secret', 'user', Placement::basicUsername(), 'my_user'),
            self::seal('secret', self::SECRET, Placement::basicPassword(), 'my_password'),
        ]));

        self::assertSame(
            'Basic ' . base64_encode('user:' . self::SECRET),
            self::seen($response)['headers']['authorization'],
        );
        self::assertSame(['my_user', 'my_password'], $response->audit['credentials']);
    }

    public function testASecretArrivesInTheQuery(): void
    {
        $response = self::transport()->send(self::request(
            query: [['a b', 'ä&c']],
            credentials: [self::seal('secret', 'x/+ ' . self::CANARY, Placement::query('key'))],
        ));

        self::assertSame(
            '/v1/echo?a%20b=%C3%A4%26c&key=' . rawurlencode('x/+ ' . self::CANARY),
            self::seen($response)['uri'],
        );
        self::assertShowsNoSecret($response->audit);
    }

    /**
     * @dataProvider bodies
     */
    public function testASecretArrivesInTheBody(string $type, string $body, string $expected): void
    {
        $response = self::transport()->send(self::request(
            headers: [['content-type', $type]],
            body: $body,
            credentials: [self::seal('secret', self::SECRET, Placement::bodyField('api_key'))],
        ));
        $received = base64_decode(self::seen($response)['body'], true);

        self::assertSame($expected, $received);
        self::assertSame(strlen($expected), $response->audit['bytes_out']);
    }

    /**
     * @return iterable<string, array{string, string, string}>
     */
    public static function bodies(): iterable
    {
        $field = '"api_key":"' . self::SECRET . '"';
        yield 'JSON, empty' => ['application/json', '', '{' . $field . '}'];
        yield 'form' => ['application/x-www-form-urlencoded', 'a=1', 'a=1&api_key=' . self::SECRET];
        yield 'form, empty' => ['application/x-www-form-urlencoded', '', 'api_key=' . self::SECRET];
    }

    public function testEveryOtherByteOfAJsonBodyStaysAsItIs(): void
    {
        $body = "{ \"n\" : 1.0e2, \"s\":\"\\u00e4\\/\" ,\n\"o\":{}}";
        $response = self::transport()->send(self::request(
            headers: [['content-type', 'application/vnd.api+json; charset=utf-8']],
            body: $body,
            credentials: [self::seal('secret', self::SECRET, Placement::bodyField('api_key'))],
        ));
        $received = base64_decode(self::seen($response)['body'], true);

        self::assertSame(self::SECRET, json_decode($received, true)['api_key']);
        $without = (string) preg_replace('/,?\s*"api_key"\s*:\s*"' . self::SECRET . '"\s*,?/', '', $received);
        self::assertSame(json_decode($body, true), json_decode($without, true));
        self::assertStringContainsString("\"n\" : 1.0e2, \"s\":\"\\u00e4\\/\" ,\n\"o\":{}", $received);
    }

    public function testTheCallersHeadersAreKept(): void
    {
        $response = self::transport()->send(self::request(
            headers: [['accept', 'application/json'], ['x-bytes', "caf\xE9"]],
            body: "raw\0\xFF",
            credentials: [self::seal('bearer', ['token' => self::SECRET])],
        ));
        $seen = self::seen($response);

        self::assertSame('application/json', $seen['headers']['accept']);
        self::assertSame('café', $seen['headers']['x-bytes']);
        self::assertSame("raw\0\xFF", base64_decode($seen['body'], true));
    }

    /**
     * @dataProvider faults
     * @param \Closure(): RequestSpec $request
     */
    public function testAFaultEndsInItsCode(string $code, \Closure $request): void
    {
        $failure = self::failure($code, $request());

        self::assertInstanceOf(CredentialUnavailable::class, $failure);
        self::assertSame('no', $failure->sent());
        self::assertSame($code, $failure->auditRecord()['error_code'] ?? null);
    }

    /**
     * The requests are closures because a data set is an argument of the test, and would be in the trace of every exception.
     *
     * @return iterable<string, array{string, \Closure(): RequestSpec}>
     */
    public static function faults(): iterable
    {
        yield 'no envelope' => ['credential.malformed', static fn () => self::request(credentials: [
            (new CredentialReference('my_api_key', 'bearer'))->seal('no envelope'),
        ])];
        yield 'an envelope of nothing' => ['credential.malformed', static fn () => self::request(credentials: [
            (new CredentialReference('my_api_key', 'bearer'))->seal('nrv1:AAAA'),
        ])];
        yield 'an envelope of another identifier' => [
            'credential.authentication_failed',
            static fn () => self::request(credentials: [(new CredentialReference('another_key', 'bearer'))->seal(self::seal('bearer', ['token' => self::SECRET])->sealed)]),
        ];
        yield 'a payload without token' => ['credential.payload_invalid', static fn () => self::request(credentials: [
            self::seal('bearer', ['key' => self::SECRET]),
        ])];
        yield 'a payload of another type' => ['credential.payload_invalid', static fn () => self::request(credentials: [
            self::seal('bearer', ['type' => 'api_key', 'token' => self::SECRET, 'key' => self::SECRET]),
        ])];
        yield 'a bound payload as a plain secret' => [
            'credential.payload_invalid',
            static fn () => self::request(
                headers: [['content-type', 'application/json']],
                credentials: [self::seal(
                    'secret',
                    ['token' => self::SECRET, 'binding' => ['hosts' => ['api.example']]],
                    Placement::bodyField('key'),
                )],
            ),
        ];
        yield 'a line break in a header' => ['credential.unusable', static fn () => self::request(credentials: [
            self::seal('secret', self::SECRET . "\r\nx-injected: 1", Placement::bearer()),
        ])];
        yield 'an expired binding' => ['credential.expired', static fn () => self::request(credentials: [
            self::seal('bearer', ['token' => self::SECRET, 'binding' => ['expires_at' => '2020-01-01T00:00:00Z']]),
        ])];
        yield 'the query has the name' => ['credential.placement_conflict', static fn () => self::request(
            query: [['key', 'mine']],
            credentials: [self::seal('secret', self::SECRET, Placement::query('key'))],
        )];
        yield 'the body has the field' => ['credential.placement_conflict', static fn () => self::request(
            headers: [['content-type', 'application/json']],
            body: '{"key":1}',
            credentials: [self::seal('secret', self::SECRET, Placement::bodyField('key'))],
        )];
        yield 'two for one place' => ['credential.placement_conflict', static fn () => self::request(credentials: [
            self::seal('bearer', ['token' => self::SECRET]),
            self::seal('secret', self::SECRET, Placement::bearer(), 'my_second'),
        ])];
    }

    public function testABindingIsEnforcedOnTopOfThePolicy(): void
    {
        $bound = self::seal('bearer', ['token' => self::SECRET, 'binding' => ['hosts' => ['api.example']]]);
        $failure = self::failure('policy.binding_violated', self::request(credentials: [$bound]));

        self::assertInstanceOf(RequestRefused::class, $failure);
    }

    public function testAnotherMasterKeyDoesNotOpen(): void
    {
        $keys = [['provider' => 'raw', 'key_base64' => base64_encode(random_bytes(32))]];
        $request = self::request(credentials: [self::seal('bearer', ['token' => self::SECRET])]);

        self::failure('credential.authentication_failed', $request, self::transport(['master_keys' => $keys]));
    }

    public function testWithoutAKeyOnlyACredentialIsRefused(): void
    {
        $transport = self::transport(['master_keys' => []]);
        $credential = self::seal('bearer', ['token' => self::SECRET]);

        self::assertSame(200, $transport->send(self::request())->status);
        self::failure('credential.key_unavailable', self::request(credentials: [$credential]), $transport);
    }

    public function testAResponseHeaderThatHoldsTheSecretIsRedacted(): void
    {
        $response = self::transport()->send(self::request(
            '/reflect',
            credentials: [self::seal('secret', self::SECRET, Placement::query('key'))],
        ));

        self::assertSame(302, $response->status);
        self::assertContains(['location', '[redacted]'], $response->headers);
        self::assertShowsNoSecret($response->headers);
    }
}
