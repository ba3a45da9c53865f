<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use PHPUnit\Framework\TestCase;

final class RequestSpecTest extends TestCase
{
    public function testATraceShowsNothingThatTheCallerAsksFor(): void
    {
        $refused = [
            static fn () => new RequestSpec('s', 'GET', null, null, '/path-c4n4ry', [['q', 'query-c4n4ry']]),
            static fn () => new RequestSpec('s', 'GET', null, 'x', headers: [['h', 7]], idempotencyKey: 'key-c4n4ry'),
        ];
        foreach ($refused as $request) {
            try {
                $request();
                self::fail('The request was taken.');
            } catch (RequestRefused $refusal) {
                $frames = array_column($refusal->getTrace(), 'args', 'function');
                $arguments = print_r($frames['__construct'], true);
                self::assertStringContainsString('SensitiveParameterValue', $arguments);
                self::assertStringNotContainsString('c4n4ry', $arguments);
            }
        }
    }

    public function testCredentialsAreThoseOfACopy(): void
    {
        $bare = new RequestSpec('s', 'GET', null, 'https://api.example.com');
        $sealed = [(new CredentialReference('id-1', CredentialReference::BEARER))->seal('nrv1:AA==')];
        $request = $bare->withCredentials($sealed);

        self::assertSame([], $bare->credentials);
        self::assertSame($sealed, $request->credentials);
        self::assertSame($sealed, $request->withBody('b')->credentials);
        self::assertSame([], $request->withCredentials([])->credentials);
        self::assertTrue(isset($request->credentials));
        foreach (['credentials', 'body'] as $name) {
            try {
                $request->{$name} = [];
                self::fail($name . ' was changed.');
            } catch (\Error) {
                self::assertSame($sealed, $request->credentials);
            }
        }
        $this->expectException(RequestRefused::class);
        $bare->withCredentials([(object) ['sealed' => 'nrv1:AA==']]);
    }

    public function testTheHeadIsThatOfTheContract(): void
    {
        $request = new RequestSpec(
            'stripe',
            'POST',
            new Policy(['GET', 'POST'], ['api.stripe.com'], ['/v1/charges/**']),
            'https://api.stripe.com/v1',
            '/customers/cus_1/sources',
            [['expand[]', 'data'], ['q', 'ä/b']],
            headers: [['accept', 'application/json']],
            body: "raw\0bytes\xFF",
            timeoutMs: 10000,
            correlationId: 'corr-1',
            idempotencyKey: 'key-1',
            credentials: [(new CredentialReference('id-1', CredentialReference::BEARER))->seal('nrv1:AA==')],
            idleTimeoutMs: 5000,
            connectTimeoutMs: 3000,
        );
        $wire = $request->toWire();

        self::assertSame("raw\0bytes\xFF", $wire['body']);
        self::assertSame('nrv1:AA==', $wire['sealed']);
        self::assertStringContainsString('https://api.stripe.com/v1', $wire['head'], 'slashes are not escaped');
        self::assertStringContainsString('ä/b', $wire['head'], 'unicode is not escaped');
        self::assertEquals(
            [
                'version' => 1,
                'service_id' => 'stripe',
                'correlation_id' => 'corr-1',
                'method' => 'POST',
                'base_url' => 'https://api.stripe.com/v1',
                'path' => '/customers/cus_1/sources',
                'query' => [['expand[]', 'data'], ['q', 'ä/b']],
                'headers' => [['accept', 'application/json']],
                'timeout_ms' => 10000,
                'idle_timeout_ms' => 5000,
                'connect_timeout_ms' => 3000,
                'idempotency_key' => 'key-1',
                'credentials' => [['identifier' => 'id-1', 'type' => 'bearer']],
                'policy' => [
                    'allowed_hosts' => ['api.stripe.com'],
                    'allowed_methods' => ['GET', 'POST'],
                    'allowed_paths' => ['/v1/charges/**'],
                    'allow_http' => false,
                    'allow_encoded_slash' => false,
                    'max_redirects' => 0,
                    'max_attempts' => 1,
                ],
            ],
            json_decode($wire['head'], true),
        );
        self::assertEquals($request, RequestSpec::fromWire(...$wire));
    }

    public function testWhatIsNullIsLeftOut(): void
    {
        $wire = (new RequestSpec('a', 'GET', null, 'https://a.example'))->toWire();

        self::assertEqualsCanonicalizing(
            ['version', 'service_id', 'method', 'base_url', 'headers', 'path', 'query'],
            array_keys(json_decode($wire['head'], true)),
        );
        self::assertSame(['', ''], [$wire['body'], $wire['sealed']]);
    }

    public function testAUrlReplacesPathAndQuery(): void
    {
        $url = 'https://a.example/b%2Fc?x=%20+&x';
        $wire = (new RequestSpec('a', 'GET', null, url: $url))->toWire();
        $head = json_decode($wire['head'], true);

        self::assertSame($url, $head['url']);
        self::assertEqualsCanonicalizing(['version', 'service_id', 'method', 'url', 'headers'], array_keys($head));
    }

    public function testEveryByteOfAHeaderValueSurvivesTheWire(): void
    {
        $bytes = implode('', array_map(chr(...), range(0, 255)));
        $request = new RequestSpec('a', 'GET', null, 'https://a.example', headers: [['x-bytes', $bytes]]);
        $wire = $request->toWire();

        $text = json_decode($wire['head'], true)['headers'][0][1];
        self::assertSame(range(0, 255), array_map(mb_ord(...), mb_str_split($text)));
        self::assertSame($bytes, RequestSpec::fromWire(...$wire)->headers[0][1]);
    }

    public function testSeveralEnvelopesAreAJsonArrayInTheSameOrder(): void
    {
        $request = new RequestSpec('a', 'GET', null, 'https://a.example', credentials: [
            (new CredentialReference('user', CredentialReference::SECRET, Placement::basicUsername()))->seal('nrv1:one/1'),
            (new CredentialReference('password', CredentialReference::SECRET, Placement::basicPassword()))->seal('nrv1:two'),
        ]);
        $wire = $request->toWire();

        self::assertSame('["nrv1:one/1","nrv1:two"]', $wire['sealed']);
        self::assertEquals($request, RequestSpec::fromWire(...$wire));
    }

    public function testADumpDoesNotShowAnEnvelope(): void
    {
        $credential = (new CredentialReference('my_key', CredentialReference::BEARER))->seal('nrv1:canary');
        $request = new RequestSpec('a', 'GET', null, 'https://a.example', credentials: [$credential]);

        self::assertStringNotContainsString('canary', print_r($request, true));
    }

    /**
     * @dataProvider faults
     * @param array<string, mixed> $change
     */
    public function testAFaultIsRefused(array $change, string $sealed = ''): void
    {
        $head = $change + ['version' => 1, 'service_id' => 'a', 'method' => 'GET', 'base_url' => 'https://a.example'];
        try {
            RequestSpec::fromWire((string) json_encode($head), '', $sealed);
        } catch (RequestRefused $refusal) {
            self::assertSame('invalid_request.malformed', $refusal->errorCode());
            return;
        }
        self::fail('The request was taken.');
    }

    /**
     * @return iterable<string, array{0: array<string, mixed>, 1?: string}>
     */
    public static function faults(): iterable
    {
        yield 'no JSON object' => [['version' => NAN]];
        yield 'another version' => [['version' => 2]];
        yield 'an unknown key' => [['verify' => false]];
        yield 'no URL at all' => [['base_url' => null]];
        yield 'a URL and a path' => [['url' => 'https://a.example/', 'path' => '/b']];
        yield 'a URL and a query' => [['url' => 'https://a.example/', 'query' => [['a', 'b']]]];
        yield 'a map for a query' => [['query' => ['a' => 'b']]];
        yield 'a number for a query value' => [['query' => [['a', 1]]]];
        yield 'a header of three' => [['headers' => [['a', 'b', 'c']]]];
        yield 'a header value above U+00FF' => [['headers' => [['a', '€']]]];
        yield 'no time' => [['timeout_ms' => 0]];
        yield 'a text for a time' => [['timeout_ms' => '10']];
        yield 'no idle time' => [['idle_timeout_ms' => 0]];
        yield 'no time for a connection' => [['connect_timeout_ms' => 0]];
        yield 'a text for an idle time' => [['idle_timeout_ms' => '10']];
        yield 'a text for a policy' => [['policy' => 'open']];
        yield 'a text for a credential' => [['credentials' => ['bearer']], 'nrv1:AA=='];
        yield 'two credentials, one envelope' => [
            ['credentials' => [['identifier' => 'a', 'type' => 'bearer'], ['identifier' => 'b', 'type' => 'bearer']]],
            'nrv1:AA==',
        ];
    }

    public function testTextThatIsNotUtf8IsRefused(): void
    {
        $request = new RequestSpec('a', 'GET', null, 'https://a.example', "/caf\xE9");

        $this->expectException(RequestRefused::class);
        $this->expectExceptionMessage('not UTF-8 [invalid_request.malformed]');
        $request->toWire();
    }

    public function testACredentialMustBeSealed(): void
    {
        $this->expectException(RequestRefused::class);
        new RequestSpec('a', 'GET', null, 'https://a.example', credentials: ['nrv1:AA==']);
    }

    public function testTheHeadForADecisionNamesCredentialsThatNobodyHasFetched(): void
    {
        $request = new RequestSpec(
            'stripe',
            'POST',
            new Policy(['POST']),
            'https://api.stripe.com',
            idempotencyKey: 'key-1',
            idempotencyHeader: 'X-Idem',
        );
        $reference = new CredentialReference('vault:id-1', 'secret', Placement::query('key'));
        $sealed = $request->withCredentials([$reference->seal('nrv1:AA==')]);

        self::assertSame($sealed->toWire()['head'], $request->headFor([$reference]));
        self::assertSame('nrv1:AA==', $sealed->toWire()['sealed']);
        self::assertSame([], $request->credentials);
        $head = json_decode($request->headFor([$reference]), true);
        self::assertSame('X-Idem', $head['idempotency_header']);
        self::assertEquals($sealed, RequestSpec::fromWire(...$sealed->toWire()));
    }
}
