<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Which requests are refused before an envelope is opened, and in which order the rules are checked.
 */
trait PolicyCases
{
    /** Names of refusals() that are about the service's entry. */
    private const REFUSED_ENTRIES = [
        'no policy',
        'no methods',
        'a service id with a space',
        'an empty service id',
        'a long service id',
    ];

    /**
     * @dataProvider refusals
     * @param \Closure(): RequestSpec $request
     */
    public function testRefusal(string $code, \Closure $request): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer()]);
        $outcome = self::call($request());
        $isOfEntry = in_array($this->dataName(), self::REFUSED_ENTRIES, true);
        $code = $isOfEntry ? self::ofEntry($code) : $code;

        self::assertFailed($code, 'no', $outcome);
        self::assertFalse($outcome->retryable);
        self::assertSame($code, self::decide($request()), 'the decision says the same');
        self::assertSame([0, 0], [self::connections(), self::connections('tls')]);
        self::assertSame(0, $outcome->audit['attempts'] ?? 0);
    }

    /**
     * @return iterable<string, array{string, \Closure(): RequestSpec}>
     */
    public static function refusals(): iterable
    {
        $over = static fn (string $code, mixed ...$more): array
            => [$code, static fn (): RequestSpec => self::request('plain', ...$more)];
        $under = static fn (string $code, array $policy, mixed ...$more): array
            => [$code, static fn (): RequestSpec => self::request('plain', ...$more + [
                'policy' => self::policy(...$policy),
            ])];
        $malformed = 'invalid_request.malformed';
        yield 'no policy' => $over('policy.missing', policy: null);
        yield 'no methods' => $under('policy.missing', ['allowedMethods' => []]);
        yield 'plain HTTP that the policy does not allow' => $under('policy.scheme_not_allowed', ['allowHttp' => false]);
        yield 'plain HTTP to a host that is not internal' => $over(
            'policy.scheme_not_allowed',
            baseUrl: 'http://api.example',
        );
        yield 'plain HTTP to another port of an internal host' => $over(
            'policy.scheme_not_allowed',
            baseUrl: 'http://localhost:81',
        );
        foreach (['ftp://localhost/', 'file:///etc/passwd', 'javascript:alert(1)', 'gopher://localhost/'] as $url) {
            yield $url => $over('policy.scheme_not_allowed', baseUrl: $url);
        }
        yield 'another host' => $under('policy.host_not_allowed', ['allowedHosts' => ['api.example']]);
        yield 'no host' => $under('policy.host_not_allowed', ['allowedHosts' => []]);
        yield 'the apex of a wildcard' => $under(
            'policy.host_not_allowed',
            ['allowedHosts' => ['*.api.example']],
            baseUrl: 'https://api.example',
        );
        yield 'a host that only ends like a wildcard' => $under(
            'policy.host_not_allowed',
            ['allowedHosts' => ['*.api.example']],
            baseUrl: 'https://evilapi.example',
        );
        yield 'another port' => $under('policy.port_not_allowed', ['allowedHosts' => ['localhost:1']]);
        yield 'another port than the default' => $under('policy.port_not_allowed', ['allowedHosts' => ['localhost']]);
        yield 'another port of an internal host' => $over('policy.port_not_allowed', baseUrl: 'https://localhost');
        yield 'another method' => $under('policy.method_not_allowed', ['allowedMethods' => ['GET']]);
        foreach (['CONNECT', 'TRACE'] as $method) {
            yield $method => $under('policy.method_not_allowed', ['allowedMethods' => [$method]], method: $method);
        }
        yield 'a dot segment' => $over('policy.path_not_canonical', path: '/a/%2e%2e/b');
        yield 'an encoded slash' => $over('policy.path_not_canonical', path: '/a%2Fb');
        yield 'another path' => $under('policy.path_not_allowed', ['allowedPaths' => ['/v1/y', '/v1/x/']]);
        yield 'no path' => $under('policy.path_not_allowed', ['allowedPaths' => []]);
        yield 'a pattern is for the whole path' => $under('policy.path_not_allowed', ['allowedPaths' => ['/x']]);
        yield 'a placeholder is one segment' => $under(
            'policy.path_not_allowed',
            ['allowedPaths' => ['/v1/{any}']],
            path: '/x/y',
        );
        $names = ['Host', 'content-length', 'Transfer-Encoding', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade',
            'expect', 'accept-encoding', 'http2-settings', 'Proxy-Authorization', 'proxy-x'];
        foreach ($names as $name) {
            yield 'the header ' . $name => $over(
                'policy.header_not_allowed',
                headers: [['accept', '*/*'], [$name, 'x']],
            );
        }
        yield 'the idempotency header' => $over(
            'policy.header_not_allowed',
            headers: [['IDEMPOTENCY-key', 'a']],
            idempotencyKey: 'k',
        );
        yield 'the idempotency header of another name' => $over(
            'policy.header_not_allowed',
            headers: [['x-request-id', 'a']],
            idempotencyKey: 'k',
            idempotencyHeader: 'X-Request-Id',
        );
        yield 'a body above the policy' => $under('policy.request_too_large', ['requestBytes' => 3], body: 'four');
        yield 'a service id with a space' => $over($malformed, serviceId: 'a b');
        yield 'an empty service id' => $over($malformed, serviceId: '');
        yield 'a long service id' => $over($malformed, serviceId: str_repeat('a', 129));
        yield 'a correlation id with a line end' => $over($malformed, correlationId: "a\n");
        yield 'an idempotency key that is not ASCII' => $over($malformed, idempotencyKey: 'ü');
        yield 'a long idempotency key' => $over($malformed, idempotencyKey: str_repeat('a', 256));
        yield 'an idempotency header that is not the caller\'s' => $over(
            $malformed,
            idempotencyKey: 'k',
            idempotencyHeader: 'Host',
        );
        foreach (['authorization', 'Cookie'] as $name) {
            yield 'the idempotency header ' . $name => $over(
                $malformed,
                idempotencyKey: 'k',
                idempotencyHeader: $name,
            );
        }
        foreach (['-pin.example', 'pin-.example', 'a.-pin.example', 'a.pin-'] as $host) {
            yield 'the host ' . $host => $over($malformed, baseUrl: 'https://' . $host);
            yield 'the rule ' . $host => $under($malformed, ['allowedHosts' => [$host]]);
        }
        yield 'a method in lower case' => $over($malformed, method: 'post');
        yield 'a method with a space' => $over($malformed, method: 'GET /');
        yield 'no method' => $over($malformed, method: '');
        yield 'a header name with a space' => $over($malformed, headers: [['a b', 'c']]);
        yield 'an empty header name' => $over($malformed, headers: [['', 'c']]);
        yield 'a line end in a header' => $over($malformed, headers: [['a', "b\r\nc: d"]]);
        yield 'NUL in a header' => $over($malformed, headers: [['a', "b\0"]]);
        yield 'a wildcard alone' => $under($malformed, ['allowedHosts' => ['*']]);
        yield 'a URL as an allowed host' => $under($malformed, ['allowedHosts' => ['https://localhost']]);
        yield 'a method of the policy in lower case' => $under($malformed, ['allowedMethods' => ['post']]);
        yield 'a relative path pattern' => $under($malformed, ['allowedPaths' => ['v1/x']]);
        yield 'a pattern with two stars inside' => $under($malformed, ['allowedPaths' => ['/v1/**/x']]);
    }

    public function testAHeaderThatACredentialFillsIsNotTheCallers(): void
    {
        foreach (['Authorization' => Placement::bearer(), 'x-key' => Placement::header('X-Key')] as $name => $placement) {
            $outcome = self::call(self::request(
                headers: [[$name, 'mine']],
                credentials: [self::seal('secret', self::CANARY, $placement)],
            ));
            self::assertFailed('policy.header_not_allowed', 'no', $outcome);
        }
        // The name of the header is inside the envelope, so it is known only after that is opened.
        $sealed = self::seal('api_key', ['key' => self::CANARY, 'header' => 'X-Sealed']);
        $outcome = self::call(self::request(headers: [['x-sealed', 'mine']], credentials: [$sealed]));
        self::assertFailed('policy.header_not_allowed', 'no', $outcome);
    }

    public function testAnIdempotencyKeyDoesNotReplaceACredential(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $secret = static fn (Placement $placement): SealedCredential => self::seal('secret', self::CANARY, $placement);
        $credentials = [
            'Authorization' => self::bearer(),
            'AUTHORIZATION' => $secret(Placement::basic()),
            'x-api-key' => $secret(Placement::apiKey()),
            'X-KEY' => $secret(Placement::header('x-key')),
            // The name of the header is inside the envelope, so it is known only after that is opened.
            'X-Sealed' => self::seal('api_key', ['key' => self::CANARY, 'header' => 'x-sealed']),
            'X-Api-Key' => self::seal('api_key', ['key' => self::CANARY]),
        ];
        foreach ($credentials as $name => $credential) {
            $request = self::request(
                credentials: [$credential],
                idempotencyKey: 'mine',
                idempotencyHeader: $name,
            );
            self::assertFailed('credential.placement_conflict', 'no', self::call($request), why: $name);
            $isKnown = $credential->reference->type !== 'api_key';
            try {
                $decision = self::make()->decide($request, [$credential->reference])->url;
            } catch (OutboundException $refusal) {
                $decision = $refusal->errorCode();
            }
            self::assertSame($isKnown ? 'credential.placement_conflict' : self::url('plain') . '/x', $decision);
            // Where the name is known before, the conflict is found without opening the envelope, which here is malformed.
            $broken = (new CredentialReference('an_id', $credential->reference->type, $credential->reference->placement))->seal('nrv1:broken');
            $code = $isKnown ? 'credential.placement_conflict' : 'credential.malformed';
            self::assertFailed($code, 'no', self::call($request->withCredentials([$broken])), why: $name);
        }
        self::assertSame(0, self::connections());
        $apart = self::request(credentials: [self::bearer()], idempotencyKey: 'mine', idempotencyHeader: 'X-Request-Id');
        self::assertSame('200', self::call($apart)->brief());
        self::assertSame(['mine'], self::received()->values('x-request-id'));
    }

    public function testWhatAPolicyAllows(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $host = 'localhost:' . self::$server->port('plain');
        $policies = [
            '' => self::policy(),
            '/v1/{what}' => self::policy(allowedPaths: ['/v1/{what}']),
            '/v1/x' => self::policy(allowedPaths: ['/a', '/v1/x', '/v1/**']),
            '/v1/**' => self::policy(allowedPaths: ['/v1/x/**', '/v1/**'], allowedHosts: ['a.example', $host]),
            '/**' => self::policy(allowedPaths: ['/**'], allowedHosts: ['LOCALHOST.:' . self::$server->port('plain')]),
        ];
        foreach ($policies as $template => $policy) {
            $outcome = self::call(self::request(policy: $policy));
            self::assertSame('200', $outcome->brief(), $template . $outcome->message());
            self::assertSame($template === '' ? null : $template, $outcome->audit['path_template']);
        }
    }

    public function testNothingInARecordBreaksALineOrTurnsText(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $path = "/v1/a\u{85}\u{202E}b\u{2028}\u{9B}c";
        $request = self::request(path: substr($path, 3), policy: self::policy(allowedPaths: [$path]));
        $outcome = self::call($request->withCredentials([self::seal('bearer', ['token' => self::CANARY], null, "my\nkey")]));
        $isRead = !self::deviates('identifier');
        self::assertSame($isRead ? '200' : 'credential.not_found no', $outcome->brief(), $outcome->message());
        self::assertSame('/v1/a??b??c', $outcome->audit['path_template']);
        self::assertSame(['my?key'], $outcome->audit['credentials']);
        self::assertSame('/v1/a??b??c', self::make()->decide($request, [])->pathTemplate);
        self::assertSame($isRead ? ['/v1/a%C2%85%E2%80%AEb%E2%80%A8%C2%9Bc'] : [], array_column(self::$server->requests('plain'), 'target'));

        $bound = ['token' => self::CANARY, 'binding' => ['methods' => ['GET']]];
        $outcome = self::call(self::request(credentials: [self::seal('bearer', $bound, null, "my\n\u{202E}key")]));
        self::assertFailed($isRead ? 'policy.binding_violated' : 'credential.not_found', 'no', $outcome);
        self::assertStringContainsString('"my??key"', $outcome->message());

        $outcome = self::call(self::request(method: "POST\n\u{85}"));
        self::assertFailed('invalid_request.malformed', 'no', $outcome);
        self::assertSame('POST??', $outcome->audit['method']);
    }

    /** A request with every fault. The faults are corrected one by one, and each time the error must be the next one in the order. */
    public function testTheFirstErrorCounts(): void
    {
        self::$server->answers('tls', [FaultServer::answer()]);
        $port = self::$server->port('tls');
        $policy = ['allowedHosts' => ['other.example'], 'allowedMethods' => ['PUT'], 'allowedPaths' => ['/y'],
            'requestBytes' => 1, 'allowHttp' => false];
        $faults = [
            'method' => 'lower', 'policy' => null, 'baseUrl' => 'http://internal.invalid:' . $port . '/v1',
            'path' => 'a//b', 'headers' => [['host', 'x']], 'body' => '{}', 'timeoutMs' => 30_000,
        ];
        $broken = (new CredentialReference('my_api_key', 'bearer'))->seal('nrv1:broken');
        $bound = ['token' => 'a' . self::CANARY . "\n", 'binding' => ['hosts' => ['elsewhere.example']]];
        $noKey = self::make(['master_keys' => [], 'internal_hosts' => $this->internalInvalid($port)]);
        $keyed = self::make(['internal_hosts' => $this->internalInvalid($port)]);
        $transport = $noKey;
        $steps = [
            ['invalid_request.malformed', ['method' => 'POST']],
            ['policy.missing', ['policy' => self::policy(...$policy)]],
            ['policy.scheme_not_allowed', ['baseUrl' => 'https://internal.invalid:' . $port . '/v1']],
            ['policy.host_not_allowed', $this->fix($policy, ['allowedHosts' => ['internal.invalid']])],
            ['policy.port_not_allowed', $this->fix($policy, ['allowedHosts' => ['internal.invalid:' . $port]])],
            ['policy.method_not_allowed', $this->fix($policy, ['allowedMethods' => ['POST']])],
            ['policy.path_not_canonical', ['path' => 'x']],
            ['policy.path_not_allowed', $this->fix($policy, ['allowedPaths' => ['/v1/x']])],
            ['policy.header_not_allowed', ['headers' => []]],
            ['policy.request_too_large', $this->fix($policy, ['requestBytes' => 100])],
            ['credential.key_unavailable', []],
            ['credential.malformed', ['credentials' => [self::seal('bearer', ['nothing' => 1])]]],
            ['credential.payload_invalid', ['credentials' => [self::seal('bearer', $bound)]]],
            ['policy.binding_violated', ['credentials' => [self::seal('bearer', ['binding' => [
                'hosts' => ['internal.invalid:' . $port],
            ]] + $bound)]]],
            ['credential.unusable', ['credentials' => [self::bearer()]]],
            ['dns.not_found', ['baseUrl' => 'https://127.0.0.2:' . $port . '/v1', ...$this->fix(
                $policy,
                ['allowedHosts' => ['127.0.0.2:' . $port]],
            )]],
            ['policy.address_not_allowed', []],
        ];
        $request = ['credentials' => [$broken]] + $faults;
        foreach ($steps as [$code, $remedy]) {
            // The method of the first step is the caller's, but its entry has no policy.
            $code = in_array($code, ['invalid_request.malformed', 'policy.missing'], true) ? self::ofEntry($code) : $code;
            self::assertSame($code . ' no', self::call(self::request(...$request), $transport)->brief());
            $request = $remedy + $request;
            if ($code === 'credential.key_unavailable') {
                $transport = $keyed;
            }
        }
        self::assertSame(0, self::connections('tls'));
    }

    public function testABindingIsEnforcedOnTopOfThePolicy(): void
    {
        $host = 'localhost:' . self::$server->port('plain');
        $cases = [
            '200' => [
                ['hosts' => ['http://' . $host], 'methods' => ['POST'], 'paths' => ['/v1/{any}'], 'expires_at' => '2999-01-01T00:00:00Z'],
                ['hosts' => ['other.example', 'http://LOCALHOST:' . self::$server->port('plain')]],
                ['expires_at' => 32_503_680_000],
                ['methods' => ['GET', 'POST']],
                [],
            ],
            'policy.binding_violated no' => [
                ['hosts' => ['other.example']],
                ['hosts' => []],
                ['hosts' => ['http://localhost']],
                ['hosts' => [$host]],
                ['methods' => ['GET']],
                ['methods' => []],
                ['paths' => ['/v1/y']],
                ['paths' => []],
            ],
            'credential.expired no' => [
                ['expires_at' => '2020-01-01T00:00:00Z'],
                ['expires_at' => '2020-01-01T00:00:00+02:00'],
                ['expires_at' => 1_577_836_800],
                ['expires_at' => 0],
            ],
            'credential.payload_invalid no' => [
                ['host' => [$host]],
                ['hosts' => $host],
                ['hosts' => ['https://x']],
                ['hosts' => ['HTTP://x']],
                ['hosts' => ['-x.example']],
                ['methods' => ['post']],
                ['paths' => ['v1']],
                ['expires_at' => 'tomorrow'],
                ['expires_at' => '2999-01-01'],
            ],
        ];
        foreach ($cases as $expected => $bindings) {
            foreach ($bindings as $binding) {
                self::$server->answers('plain', [FaultServer::answer()]);
                $payload = ['token' => 't-' . self::CANARY, 'binding' => (object) $binding];
                $outcome = self::call(self::request(credentials: [self::seal('bearer', $payload)]));
                self::assertSame((string) $expected, $outcome->brief(), json_encode($binding) . $outcome->message());
                self::assertSame($expected === 200 ? 1 : 0, self::requests(), json_encode($binding));
            }
        }
    }

    /**
     * A host or a pattern in a binding includes plain HTTP or an encoded slash only where it says so itself, whatever the policy
     * allows: whoever sealed the secret did not see the policy.
     */
    public function testABindingMeansLessThanAPolicy(): void
    {
        $sealed = static fn (array $binding): array => ['credentials' => [
            self::seal('bearer', ['token' => self::CANARY, 'binding' => $binding]),
        ]];
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer()]);
        $host = 'localhost:' . self::$server->port('plain');
        $outcome = self::call(self::request(...$sealed(['hosts' => [$host]])));
        self::assertFailed('policy.binding_violated', 'no', $outcome);
        self::assertStringContainsString('"my_api_key"', $outcome->message());
        self::assertStringContainsString('seal "http://' . $host . '" among the hosts', $outcome->message());
        $secure = 'localhost:' . self::$server->port('tls');
        $outcome = self::call(self::request('tls', ...$sealed(['hosts' => ['http://' . $secure]])));
        self::assertFailed('policy.binding_violated', 'no', $outcome);
        self::assertStringContainsString('seal "' . $secure . '" among the hosts', $outcome->message());

        $slash = ['policy' => self::policy(allowEncodedSlash: true)];
        foreach (['/v1/customers/{id}', '/v1/customers/**', '/v1/**'] as $pattern) {
            foreach (['/customers/7%2fsecrets', '/customers/7%2Fsecrets'] as $path) {
                $outcome = self::call(self::request('plain', ...$sealed(['paths' => [$pattern]]) + $slash, path: $path));
                self::assertFailed('policy.binding_violated', 'no', $outcome, why: $pattern . $path);
            }
        }
        self::assertSame([0, 0], [self::connections(), self::connections('tls')]);
        $literal = $sealed(['paths' => ['/v1/customers/7%2fsecrets']]);
        $outcome = self::call(self::request('plain', ...$literal + $slash, path: '/customers/7%2fsecrets'));
        self::assertSame('200', $outcome->brief(), $outcome->message());
    }

    /**
     * @param array<string, mixed> $policy
     * @param array<string, mixed> $changes
     * @return array{policy: \Netresearch\NrVault\Transport\Policy}
     */
    private function fix(array &$policy, array $changes): array
    {
        $policy = $changes + $policy;
        return ['policy' => self::policy(...$policy)];
    }

    /**
     * @return list<array<string, mixed>>
     */
    private function internalInvalid(int $port): array
    {
        return [['host' => 'internal.invalid', 'networks' => ['127.0.0.0/8'], 'ports' => [$port]]];
    }
}
