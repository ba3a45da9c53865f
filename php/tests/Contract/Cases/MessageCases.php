<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * Messages name what they are about, such as keys, limits, patterns and header names, in the same words from both transports. They
 * hold nothing of the caller's path, query, values or body.
 */
trait MessageCases
{
    /** Part of every path, query, value and body in these cases; no message may hold it. */
    private static string $private = 'hunter2';

    public function testARefusedPathOrMethodIsToldWhatIsAllowed(): void
    {
        $explain = '; secure-outbound explain tries a request without sending it [policy.';
        $path = 'the path matches no pattern of allowed_paths';
        $many = array_map(static fn (int $number): string => "/v1/a$number", range(1, 10));
        $cases = [
            [$path . ': "/v1/a/{id}", "/v1/b/**"', ['/v1/a/{id}', '/v1/b/**']],
            [$path . ': "' . implode('", "', array_slice($many, 0, 8)) . '" and 2 more', $many],
            [$path . ', whose entries are too long to list', ['/' . str_repeat('a', 600)]],
            [$path . ', which is empty', []],
        ];
        foreach ($cases as [$message, $patterns]) {
            self::assertSaid($message . $explain . 'path_not_allowed]', self::policy(allowedPaths: $patterns));
        }
        $message = 'the method is not in allowed_methods: "GET", "PUT"' . $explain . 'method_not_allowed]';
        self::assertSaid($message, new Policy(['GET', 'PUT'], allowHttp: true));
    }

    public function testAnEntryThatCannotBeReadIsNamedByItsPlace(): void
    {
        $path = 'a path pattern does not start with a slash';
        $paths = self::policy(allowedPaths: ['/a', self::$private]);
        self::assertSaid("allowed_paths[1]: $path [invalid_request.malformed]", $paths);
        $method = new Policy(['GET', self::$private], allowHttp: true);
        self::assertSaid('allowed_methods[1]: a method is not an upper-case token [invalid_request.malformed]', $method);

        $networks = ['networks' => [self::$private], 'ports' => [80]];
        $cases = [
            'limits.hosts[0]: a host may not hold a percent sign' => ['limits' => ['hosts' => [self::$private . '%']]],
            'internal_hosts[0]: a network is not in CIDR notation' => ['internal_hosts' => [['host' => 'a.example'] + $networks]],
            'defaults.timeout_ms must be from 1 to 86400000' => ['defaults' => ['timeout_ms' => 0]],
            'limits.idle_timeout_ms must be from 1 to 86400000' => ['limits' => ['idle_timeout_ms' => 86_400_001]],
            'limits.header_bytes must be from 1024 to 16777216' => ['limits' => ['header_bytes' => 1]],
        ];
        foreach ($cases as $message => $configuration) {
            $outcome = self::call(self::request(), self::make($configuration));
            self::assertSame($message . ' [configuration.invalid]', $outcome->message());
        }
    }

    public function testARedirectThatIsRefusedSaysTheSame(): void
    {
        self::$server->answers('plain', [FaultServer::answer(302, [['location', '/v1/' . self::$private]])]);
        $policy = self::policy(allowedPaths: ['/v1/x'], maxRedirects: 1);
        $outcome = self::call(self::request(method: 'GET', policy: $policy));

        self::assertFailed('policy.redirect_not_allowed', 'yes', $outcome, 302);
        $message = 'the redirect is refused: the path matches no pattern of allowed_paths: "/v1/x";';
        self::assertStringStartsWith($message, $outcome->message());
        self::assertStringNotContainsString(self::$private, $outcome->message());
    }

    public function testWhatIsSealedIsNotListed(): void
    {
        $sealed = 's34l3d';
        foreach ([['paths' => ["/v1/$sealed"]], ['methods' => [strtoupper($sealed)]]] as $binding) {
            $credential = self::seal('bearer', ['token' => self::CANARY, 'binding' => $binding]);
            $outcome = self::call(self::request(credentials: [$credential]));
            self::assertFailed('policy.binding_violated', 'no', $outcome);
            self::assertStringContainsString('the credential "my_api_key" is bound elsewhere', $outcome->message());
            self::assertStringNotContainsStringIgnoringCase($sealed, $outcome->message());
        }
    }

    public function testAHeaderIsNamedAndNotItsValue(): void
    {
        $secret = static fn (string $name): array => [
            self::seal('secret', self::CANARY, Placement::header($name), 'my_api_key'),
        ];
        $cases = [
            'the header "proxy-a" is not the caller\'s to set [policy.header_not_allowed]'
                => ['headers' => [['Proxy-A', self::$private]]],
            'the request sets the header "x-key", which a credential or the idempotency key fills '
                . '[policy.header_not_allowed]' => ['headers' => [['X-Key', self::$private]], 'credentials' => $secret('X-Key')],
            'the credential "my_api_key": the request sets the header "x-api-key", which it fills [policy.header_not_allowed]' => [
                // The name of the header is inside the envelope.
                'headers' => [['X-Api-Key', self::$private]],
                'credentials' => [self::seal('api_key', ['key' => self::CANARY, 'header' => 'x-api-key'])],
            ],
            'the idempotency key goes into the header "x-key", which a credential fills [credential.placement_conflict]'
                => ['idempotencyKey' => self::$private, 'idempotencyHeader' => 'X-Key', 'credentials' => $secret('X-Key')],
            'the value of the header "x-key" holds a control character or one above U+00FF [invalid_request.malformed]'
                => ['headers' => [['X-Key', self::$private . "\n"]]],
            'a header name is not a token [invalid_request.malformed]' => ['headers' => [[self::$private . ': a', '']]],
        ];
        foreach ($cases as $message => $more) {
            $outcome = self::call(self::request(...$more));
            self::assertSame('no', $outcome->sent);
            self::assertSame($message, $outcome->message());
        }
    }

    public function testAUrlIsCalledByItsKey(): void
    {
        $any = self::policy(allowedHosts: ['localhost']);
        $cases = [
            'base_url is not an absolute URL [invalid_request.malformed]' => ['baseUrl' => '/' . self::$private],
            'base_url holds a fragment [invalid_request.malformed]' => ['baseUrl' => 'https://a.example/#' . self::$private],
            'base_url: a host may not hold a percent sign [invalid_request.malformed]'
                => ['baseUrl' => 'https://%' . self::$private],
            'the scheme of base_url is neither https nor http [policy.scheme_not_allowed]' => ['baseUrl' => 'ftp://a.example'],
            'url is not an absolute URL [invalid_request.malformed]' => ['url' => 'https:' . self::$private],
            'url holds a user name or a password [invalid_request.malformed]'
                => ['url' => 'https://' . self::$private . '@a.example/'],
            'the scheme of url is neither https nor http [policy.scheme_not_allowed]'
                => ['url' => 'ftp://a.example', 'policy' => $any],
            "an alternative's base_url is not an absolute URL [invalid_request.malformed]"
                => ['alternatives' => [new Alternative('x', self::$private)], 'credentials' => [self::bearer()]],
            'an alternative is refused: the scheme of its base_url is neither https nor http [policy.scheme_not_allowed]'
                => ['alternatives' => [new Alternative('x', 'ftp://a.example')], 'credentials' => [self::bearer()]],
            'service_id must be 1 to 128 of A-Z a-z 0-9 . _ : - [' . self::ofEntry('invalid_request.malformed') . ']'
                => ['serviceId' => self::$private . ' '],
            'correlation_id must be 1 to 128 of A-Z a-z 0-9 . _ : - [invalid_request.malformed]'
                => ['correlationId' => self::$private . ' '],
            'alternatives are at most 8 [invalid_request.malformed]' => [
                'alternatives' => array_fill(0, 9, new Alternative('x', 'https://a.example')),
                'credentials' => [self::bearer()],
            ],
        ];
        foreach ($cases as $message => $more) {
            self::assertSame($message, self::call(self::request(...$more))->message());
        }
    }

    public function testOneOfSeveralCredentialsIsNamed(): void
    {
        $query = Placement::query('q');
        $bearer = static fn (array $payload): SealedCredential => self::seal('bearer', $payload, identifier: 'second');
        $secret = static fn (string $text, Placement $place): SealedCredential => self::seal('secret', $text, $place, 'second');
        $cases = [
            'the payload does not have the form of its type [credential.payload_invalid]' => $bearer(['no' => 'token']),
            'it has expired [credential.expired]' => $bearer(['token' => 't', 'binding' => ['expires_at' => 1]]),
            'the secret is empty [credential.unusable]' => $secret('', Placement::header('x-key')),
            'another credential fills the same header [credential.placement_conflict]' => $secret('s', Placement::header('x-first')),
            'its binding has an entry that cannot be read [credential.payload_invalid]'
                => $bearer(['token' => 't', 'binding' => ['paths' => [self::$private]]]),
            "the placement's prefix must be printable ASCII [invalid_request.malformed]"
                => $secret('s', Placement::header('x-key', "\x01")),
            "the placement's name is not a header name, or no credential may fill that header [invalid_request.malformed]"
                => $secret('s', Placement::header('host')),
            'no master key opens the envelope for this identifier [credential.authentication_failed]'
                => (new CredentialReference('second', 'bearer'))->seal(self::seal('bearer', ['token' => 't'], identifier: 'third')->sealed),
        ];
        foreach ($cases as $message => $second) {
            $outcome = self::call(self::request(credentials: [self::seal('secret', 'x', Placement::header('x-first')), $second]));
            self::assertSame('the credential "second": ' . $message, $outcome->message());
        }
        $first = self::seal('secret', 'x', $query);
        $outcome = self::call(self::request(credentials: [$first, self::seal('secret', 'y', $query, 'second')]));
        self::assertStringStartsWith('the credential "second": the query already has', $outcome->message());

        $elsewhere = self::seal('bearer', ['token' => 't', 'binding' => ['paths' => ['/v1/x']]], identifier: 'second');
        self::$server->answers('plain', [FaultServer::answer(302, [['location', '/v1/y']])]);
        $policy = self::policy(maxRedirects: 1);
        $credentials = [self::seal('secret', 'x', Placement::header('x-first')), $elsewhere];
        $outcome = self::call(self::request(method: 'GET', policy: $policy, credentials: $credentials));
        $message = 'the redirect is refused: the credential "second" is bound elsewhere: the path matches no allowed pattern';
        self::assertSame($message . ' [policy.redirect_not_allowed]', $outcome->message());
    }

    public function testASizeThatIsTooLargeIsToldItsLimitAndTheKeyOfIt(): void
    {
        $own = self::make(['limits' => ['request_bytes' => 50, 'response_bytes' => 50]]);
        $small = self::make(['defaults' => ['response_bytes' => 20]]);
        $body = str_repeat(self::$private, 20);
        $cases = [
            [10, 'policy.request_bytes', self::policy(requestBytes: 10), $own],
            [50, 'policy.request_bytes', self::policy(requestBytes: 50), $own],
            [50, 'limits.request_bytes', self::policy(requestBytes: 60), $own],
            [50, 'limits.request_bytes', self::policy(), $own],
        ];
        foreach ($cases as [$bytes, $key, $policy, $transport]) {
            $message = "the body is larger than $bytes bytes, the limit of $key [policy.request_too_large]";
            self::assertSaid($message, $policy, $body, $transport);
        }
        $cases = [
            [10, 'policy.response_bytes', self::policy(responseBytes: 10), $own],
            [50, 'limits.response_bytes', self::policy(responseBytes: 60), $own],
            [50, 'limits.response_bytes', self::policy(), $own],
            [20, 'defaults.response_bytes', self::policy(), $small],
        ];
        foreach ($cases as [$bytes, $key, $policy, $transport]) {
            foreach ([true, false] as $announced) {
                $head = "HTTP/1.1 200 OK\r\n" . ($announced ? 'content-length: ' . strlen($body) . "\r\n" : '') . "\r\n";
                self::$server->script('plain', [['read'], FaultServer::write($head . $body), ['close']]);
                $message = "the response's body is larger than $bytes bytes, the limit of $key [response.too_large]";
                self::assertSaid($message, $policy, '', $transport, 'yes');
            }
        }
    }

    public function testAFileThatCannotBeReadIsNamed(): void
    {
        $missing = self::$directory->path . '/missing.pem';
        $readable = ['roots' => 'file', 'ca_file' => self::$tls->authority];
        foreach (['ca_file', 'crl_file'] as $key) {
            $outcome = self::call(self::request(), self::make(['tls' => [$key => $missing] + $readable]));
            self::assertSame("tls.$key cannot be read: $missing [configuration.invalid]", $outcome->message());
        }
    }

    private static function assertSaid(
        string $message,
        Policy $policy,
        string $body = '',
        ?TransportInterface $transport = null,
        string $sent = 'no',
    ): void {
        $request = self::request(policy: $policy, path: '/' . self::$private, query: [['q', self::$private]], body: $body);
        $outcome = self::call($request, $transport);
        self::assertSame([$message, $sent], [$outcome->message(), $outcome->sent]);
    }
}
