<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Where credentials arrive in the request, and which places are refused because something else fills them.
 */
trait PlacementCases
{
    public function testACredentialArrivesInItsHeader(): void
    {
        $secret = 'tok/' . self::CANARY;
        $pair = 'Aladdin:' . $secret;
        $basic = 'Basic ' . base64_encode($pair);
        $text = ['token' => $secret];
        $cases = [
            ['bearer', $text, null, 'authorization', 'Bearer ' . $secret],
            ['bearer', ['type' => 'bearer'] + $text, null, 'authorization', 'Bearer ' . $secret],
            ['api_key', ['key' => $secret], null, 'x-api-key', $secret],
            ['api_key', ['key' => $secret, 'header' => 'Authorization', 'prefix' => 'Key '], null, 'authorization',
                'Key ' . $secret],
            ['basic', ['username' => 'Aladdin', 'password' => $secret], null, 'authorization', $basic],
            ['basic', ['username' => $secret, 'password' => ''], null, 'authorization',
                'Basic ' . base64_encode($secret . ':')],
            ['basic', ['username' => 'ä', 'password' => $secret], null, 'authorization',
                'Basic ' . base64_encode('ä:' . $secret)],
            ['secret', $secret, Placement::bearer(), 'authorization', 'Bearer ' . $secret],
            ['secret', $secret, Placement::apiKey(), 'x-api-key', $secret],
            ['secret', $pair, Placement::basic(), 'authorization', $basic],
            ['secret', $secret, Placement::header('X-Goog-Api-Key'), 'x-goog-api-key', $secret],
            ['secret', $secret, Placement::header('Authorization', 'DeepL-Auth-Key '), 'authorization',
                'DeepL-Auth-Key ' . $secret],
            ['secret', "a\tb\xE4" . $secret, Placement::bearer(), 'authorization', "Bearer a\tb\xE4" . $secret],
        ];
        foreach (['tls', 'h2'] as $listener) {
            foreach ($cases as $number => [$type, $payload, $placement, $header, $value]) {
                self::$server->answers($listener, [FaultServer::answer()]);
                $outcome = self::call(self::request($listener, credentials: [
                    self::seal($type, $payload, $placement, algorithm: $number % 2 ? Sealer::AES_GCM : Sealer::XCHACHA20),
                ]));

                self::assertSame('200', $outcome->brief(), $number . $outcome->message());
                self::assertSame([$value], self::received($listener)->values($header), (string) $number);
                self::assertSame(['my_api_key'], $outcome->audit['credentials']);
            }
        }
    }

    public function testUserAndPasswordComeFromTwoCredentials(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $outcome = self::call(self::request(credentials: [
            self::seal('secret', self::CANARY, Placement::basicPassword(), 'my_password'),
            self::seal('secret', 'user', Placement::basicUsername(), 'my_user'),
        ]));

        self::assertSame(['Basic ' . base64_encode('user:' . self::CANARY)], self::received()->values('authorization'));
        self::assertSame(['my_password', 'my_user'], $outcome->audit['credentials']);
    }

    public function testSeveralCredentialsHaveTheirOwnPlaces(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        self::call(self::request(credentials: [
            self::bearer(),
            self::seal('secret', 'key-' . self::CANARY, Placement::header('X-Key'), 'second'),
            self::seal('secret', 'query-' . self::CANARY, Placement::query('q'), 'third'),
        ]));
        $received = self::received();

        self::assertSame('Bearer tok-' . self::CANARY, $received->value('authorization'));
        self::assertSame('key-' . self::CANARY, $received->value('x-key'));
        self::assertSame('/v1/x?q=query-' . self::CANARY, $received->target);
    }

    public function testASecretIsAppendedToTheQuery(): void
    {
        $secret = 'a+b c/d&ü' . self::CANARY;
        $parameter = 'api%20key=' . rawurlencode($secret);
        $whole = self::url('plain') . '/x?a=%7e+y&&z={}';
        foreach (
            [
                [['query' => []], $parameter],
                [['query' => [['a b', 'ä&c']]], 'a%20b=%C3%A4%26c&' . $parameter],
                [['url' => $whole, 'path' => ''], 'a=%7e+y&&z={}&' . $parameter],
                [['url' => self::url('plain') . '/x?', 'path' => ''], $parameter],
            ] as [$more, $expected]
        ) {
            self::$server->answers('plain', [FaultServer::answer()]);
            self::call(self::request('plain', ...$more + ['credentials' => [
                self::seal('secret', $secret, Placement::query('api key')),
            ]]));
            self::assertSame('/v1/x?' . $expected, self::received()->target);
        }
    }

    public function testASecretIsPutIntoTheBodyAndEveryOtherByteStays(): void
    {
        $json = 'application/json';
        $form = 'application/x-www-form-urlencoded';
        $field = '"key":"a\"' . self::CANARY . '"';
        $pair = 'key=a%22' . self::CANARY;
        foreach (
            [
                [$json, '', '{' . $field . '}'],
                [$json, '{}', '{' . $field . '}'],
                [$json, " {\n} ", null],
                ['Application/JSON; charset=utf-8', "{ \"n\" : 1.0e2 }\n", "{ \"n\" : 1.0e2 ," . $field . "}\n"],
                ['application/vnd.api+json', '{"s":"\u00e4\/}","o":{"key":[]}}', '{"s":"\u00e4\/}","o":{"key":[]},'
                    . $field . '}'],
                [$json, '{"big":12345678901234567890123,"x":-0.0}', '{"big":12345678901234567890123,"x":-0.0,'
                    . $field . '}'],
                [$form, '', $pair],
                [$form . '; charset=utf-8', 'a=%zz&b', 'a=%zz&b&' . $pair],
            ] as [$type, $body, $expected]
        ) {
            self::$server->answers('plain', [FaultServer::answer()]);
            $outcome = self::call(self::request(
                headers: [['Content-Type', $type]],
                body: $body,
                credentials: [self::seal('secret', 'a"' . self::CANARY, Placement::bodyField('key'))],
            ));
            self::assertSame('200', $outcome->brief(), $body . $outcome->message());
            $received = self::received()->body;
            if ($expected === null) {
                self::assertSame(['key' => 'a"' . self::CANARY], json_decode($received, true));
                $expected = $received;
            }
            self::assertSame($expected, $received);
            self::assertSame(strlen($expected), $outcome->audit['bytes_out']);
            self::assertSame((string) strlen($expected), self::received()->value('content-length'));
        }
    }

    public function testAPlaceTakesOneValue(): void
    {
        $json = ['headers' => [['content-type', 'application/json']]];
        $form = ['headers' => [['content-type', 'application/x-www-form-urlencoded']]];
        $field = [self::seal('secret', self::CANARY, Placement::bodyField('key'))];
        $query = [self::seal('secret', self::CANARY, Placement::query('api key'))];
        $twice = static fn (Placement $placement, string $value = self::CANARY): array => ['credentials' => [
            self::seal('secret', $value, $placement),
            self::seal('secret', $value, $placement, 'second'),
        ]];
        $whole = self::url('plain') . '/x';
        self::$server->answers('plain', [FaultServer::answer()]);
        foreach (
            [
                'query' => ['query' => [['api key', '']], 'credentials' => $query],
                'query of a URL' => ['url' => $whole . '?api+key', 'path' => '', 'credentials' => $query],
                'query in escapes' => ['url' => $whole . '?x&%61pi%20key=1', 'path' => '', 'credentials' => $query],
                'JSON' => $json + ['body' => '{"a":{},"key":1}', 'credentials' => $field],
                'JSON in escapes' => $json + ['body' => '{"\u006bey":1}', 'credentials' => $field],
                'form' => $form + ['body' => 'a=1&key=', 'credentials' => $field],
                'form in escapes' => $form + ['body' => 'k%65y', 'credentials' => $field],
                'two bearers' => $twice(Placement::bearer()),
                'two headers' => $twice(Placement::header('x-key')),
                'two parameters' => $twice(Placement::query('k')),
                'two fields' => $form + $twice(Placement::bodyField('k')),
                'two user names' => ['credentials' => [
                    ...$twice(Placement::basicUsername())['credentials'],
                    self::seal('secret', self::CANARY, Placement::basicPassword(), 'third'),
                ]],
                'one header in two ways' => ['credentials' => [
                    self::bearer(),
                    self::seal('secret', 'a:' . self::CANARY, Placement::basic(), 'second'),
                ]],
            ] as $name => $more
        ) {
            $outcome = self::call(self::request('plain', ...$more));
            self::assertFailed('credential.placement_conflict', 'no', $outcome, why: $name);
        }
        self::assertSame(0, self::connections());
    }

    public function testABodyThatTakesNoFieldIsMalformed(): void
    {
        $field = [self::seal('secret', self::CANARY, Placement::bodyField('key'))];
        self::$server->answers('plain', [FaultServer::answer()]);
        foreach (
            [
                ['application/json', '[]'], ['application/json', '{'], ['application/json', '{} x'],
                ['application/json', '"text"'], ['application/json', "{\"a\":\"\xFF\"}"],
                ['multipart/form-data; boundary=x', ''], ['text/plain', 'a'], [null, ''],
            ] as [$type, $body]
        ) {
            $headers = $type === null ? [] : [['content-type', $type]];
            $outcome = self::call(self::request(headers: $headers, body: $body, credentials: $field));
            self::assertFailed('invalid_request.malformed', 'no', $outcome, why: $type . ' ' . $body);
        }
        $half = [self::seal('secret', self::CANARY, Placement::basicPassword())];
        self::assertFailed('invalid_request.malformed', 'no', self::call(self::request(credentials: $half)));
        self::assertSame(0, self::connections());
    }

    public function testATokenIsFetchedForAClient(): void
    {
        $client = self::client('fetches');
        $token = json_encode(['access_token' => 'tok-' . self::CANARY, 'token_type' => 'bearer', 'expires_in' => 3600]);
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer(200, [['content-type', 'application/json']], (string) $token)]);
        $transport = self::make(['token_cache' => ['directory' => '/nonexistent']]);
        foreach ([1, 0] as $tokenRequests) {
            $outcome = self::call(self::request(credentials: [$client]), $transport);
            if (self::deviates('oauth')) {
                self::assertFailed('credential.unsupported', 'no', $outcome);
                self::assertSame([0, 0], [self::connections('tls'), $outcome->audit['token_requests']]);
            } else {
                self::assertSame('200', $outcome->brief(), $outcome->message());
                self::assertSame($tokenRequests, $outcome->audit['token_requests']);
            }
        }
        if (!self::deviates('oauth')) {
            self::assertSame('/v1/token', self::received('tls')->target);
            foreach (self::$server->requests('plain') as $request) {
                self::assertSame(['Bearer tok-' . self::CANARY], $request->values('authorization'));
            }
        }
    }

    public function testATokenIsFetchedForASignedAssertion(): void
    {
        $key = (string) file_get_contents(dirname(__DIR__, 4) . '/tests/vectors/keys/p256-pkcs8.pem');
        $hosts = array_map(static fn (string $url): string => substr($url, 0, (int) strrpos($url, '/')), [
            self::url('tls'), self::url('plain'),
        ]);
        $payload = [
            'private_key' => $key,
            'alg' => 'ES256',
            'iss' => 'robot',
            'token_url' => self::url('tls') . '/token',
            'binding' => ['hosts' => array_map(static fn (string $host): string => str_replace('https://', '', $host), $hosts)],
        ];
        $grant = self::seal(CredentialReference::OAUTH2_JWT_BEARER, $payload, identifier: 'robot');
        $token = json_encode(['access_token' => 'tok-' . self::CANARY, 'token_type' => 'bearer', 'expires_in' => 3600]);
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer(200, [['content-type', 'application/json']], (string) $token)]);
        $outcome = self::call(self::request(credentials: [$grant]));
        if (self::deviates('oauth')) {
            self::assertFailed('credential.unsupported', 'no', $outcome);
            self::assertStringContainsString('oauth2_jwt_bearer needs the library', $outcome->message());
            self::assertSame([0, 0], [self::connections('tls'), $outcome->audit['token_requests']]);
        } else {
            self::assertSame('200', $outcome->brief(), $outcome->message());
            self::assertSame(1, $outcome->audit['token_requests']);
            self::assertStringContainsString('jwt-bearer', self::received('tls')->body);
            self::assertSame(['Bearer tok-' . self::CANARY], self::received('plain')->values('authorization'));
        }
    }

    public function testARequestIsSigned(): void
    {
        $payload = [
            'key' => self::CANARY . 'and-some-more',
            'alg' => 'sha256',
            'template' => "{method}\n{target}\n{id}\n{time}\n{body}",
            'headers' => ['x-time' => '{time}', 'authorization' => 'HMAC {signature}'],
            'binding' => ['hosts' => [substr(self::url('plain'), 0, (int) strrpos(self::url('plain'), '/'))]],
        ];
        $signing = self::seal(CredentialReference::HMAC, $payload, identifier: 'signer');
        self::$server->answers('plain', [FaultServer::answer()]);
        $outcome = self::call(self::request(credentials: [$signing], body: 'hello', idempotencyKey: 'order-7'));
        if (self::isRefusedAsUnsupported('hmac', $outcome)) {
            return;
        }
        self::assertSame('200', $outcome->brief(), $outcome->message());
        $received = self::received();
        [$time] = $received->values('x-time');
        $message = implode("\n", ['POST', $received->target, 'order-7', $time, 'hello']);
        $signature = hash_hmac('sha256', $message, $payload['key']);
        self::assertSame(['HMAC ' . $signature], $received->values('authorization'));
        self::assertEqualsWithDelta(time(), (int) $time, 60);
    }

    public function testAClientCertificateIsShown(): void
    {
        $keys = dirname(__DIR__, 4) . '/tests/vectors/keys/';
        $payload = [
            'private_key' => (string) file_get_contents($keys . 'p256-sec1.pem'),
            'certificate_chain' => (string) file_get_contents($keys . 'p256-self-signed.pem'),
            'binding' => ['hosts' => [substr(self::url('tls'), strlen('https://'), strrpos(self::url('tls'), '/') - strlen('https://'))]],
        ];
        $shown = self::seal(CredentialReference::MTLS, $payload, identifier: 'shown');
        $token = self::seal(CredentialReference::BEARER, ['token' => 'tok-' . self::CANARY], identifier: 'token');
        self::$server->answers('tls', [FaultServer::answer()]);
        $outcome = self::call(self::request('tls', credentials: [$shown, $token]));
        if (self::deviates('client-certificates')) {
            self::assertFailed('credential.unsupported', 'no', $outcome);
            self::assertStringContainsString('mtls needs the library', $outcome->message());
            self::assertSame(0, self::connections('tls'));
        } else {
            self::assertSame('200', $outcome->brief(), $outcome->message());
            self::assertSame(['Bearer tok-' . self::CANARY], self::received('tls')->values('authorization'));
        }
    }

    public function testARequestIsSignedWithAKeyOfAws(): void
    {
        $payload = [
            'access_key_id' => 'AKIDEXAMPLE',
            'secret_access_key' => self::CANARY,
            'region' => 'eu-central-1',
            'service' => 'ses',
            'binding' => ['hosts' => [substr(self::url('plain'), 0, (int) strrpos(self::url('plain'), '/'))]],
        ];
        $signing = self::seal(CredentialReference::AWS_SIGV4, $payload, identifier: 'signer');
        self::$server->answers('plain', [FaultServer::answer()]);
        foreach (['authorization', 'X-Amz-Date', 'x-amz-security-token'] as $name) {
            $refused = self::call(self::request(credentials: [$signing], headers: [[$name, 'mine']]));
            self::assertFailed('policy.header_not_allowed', 'no', $refused);
        }
        $outcome = self::call(self::request(credentials: [$signing], body: 'hello'));
        if (self::isRefusedAsUnsupported('aws_sigv4', $outcome)) {
            return;
        }
        self::assertSame('200', $outcome->brief(), $outcome->message());
        $received = self::received();
        [$time] = $received->values('x-amz-date');
        [$host] = $received->values('host');
        $scope = [substr($time, 0, 8), 'eu-central-1', 'ses', 'aws4_request'];
        $canonical = implode("\n", [
            'POST', $received->target, '', 'host:' . $host, 'x-amz-date:' . $time, '', 'host;x-amz-date', hash('sha256', 'hello'),
        ]);
        $text = implode("\n", ['AWS4-HMAC-SHA256', $time, implode('/', $scope), hash('sha256', $canonical)]);
        $key = 'AWS4' . self::CANARY;
        foreach ($scope as $part) {
            $key = hash_hmac('sha256', $part, $key, true);
        }
        self::assertStringEndsWith('Signature=' . hash_hmac('sha256', $text, $key), $received->values('authorization')[0]);
    }

    public function testATokenEndpointThatRejectsTheClient(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer(401, [], '{"error":"invalid_client"}')]);
        $outcome = self::call(self::request(credentials: [self::client('rejected')], policy: self::policy(maxAttempts: 3)));

        if (self::deviates('oauth')) {
            self::assertFailed('credential.unsupported', 'no', $outcome);
        } else {
            self::assertFailed('oauth.token_endpoint_rejected', 'no', $outcome);
            self::assertStringContainsString('invalid_client', $outcome->message());
            self::assertSame([1, 0], [$outcome->audit['token_requests'], $outcome->audit['attempts']]);
        }
        self::assertSame(self::deviates('oauth') ? 0 : 1, self::connections('tls'));
        self::assertSame(0, self::connections());
    }

    /** An OAuth client whose token endpoint is the listener "tls"; its tokens are cached under the identifier. */
    private static function client(string $identifier): SealedCredential
    {
        $payload = ['client_id' => 'shop', 'client_secret' => self::CANARY, 'token_url' => self::url('tls') . '/token'];
        return self::seal(CredentialReference::OAUTH2_CLIENT_CREDENTIALS, $payload, identifier: $identifier);
    }

    public function testAnInjectedSecretIsRedactedInTheAnswersHeaders(): void
    {
        $secret = 's3cr/t+' . self::CANARY;
        self::$server->answers('plain', [FaultServer::answer(302, [
            ['location', '/next?key=' . rawurlencode($secret) . '&x=1'],
            ['x-raw', 'a ' . $secret . ' b'],
            ['x-base64', base64_encode('user:' . $secret)],
            ['x-fine', 's3cr'],
        ], 'the body has ' . $secret)]);
        $outcome = self::call(self::request(credentials: [self::seal('secret', $secret, Placement::query('key'))]));

        self::assertSame('302', $outcome->brief());
        foreach (['location', 'x-raw', 'x-base64'] as $name) {
            self::assertSame(['[redacted]'], $outcome->values($name), $name);
        }
        self::assertSame(['s3cr'], $outcome->values('x-fine'));
        self::assertSame('the body has ' . $secret, $outcome->body, 'the body is the caller\'s');
    }

    public function testAnEchoOfTheCallersOwnFieldSaysNothingOfTheSecret(): void
    {
        $secret = 'not-the-canary-5d2e';
        $send = static function (string $guess) use ($secret): Outcome {
            $echoes = ['x-guess' => $guess, 'x-part' => 'a ' . $guess . ' b', 'x-idem' => $guess, 'x-key' => $secret];
            $others = ['x-other' => $guess, 'location' => '/next?q=' . $guess, 'x-body' => '{"q":"' . $guess . '"}'];
            self::$server->answers('plain', [FaultServer::answer(200, [
                ...array_map(null, array_keys($echoes + $others), array_values($echoes + $others)),
                ['x-guess', $guess . ', ' . $guess], ['x-part', $guess], ['x-guess', base64_encode($guess)],
            ])]);
            return self::call(self::request(
                headers: [['X-Guess', 'first'], ['X-Guess', $guess], ['x-part', 'a ' . $guess . ' b'], ['x-long', $guess . '!']],
                query: [['q', $guess]],
                body: '{"q":"' . $guess . '"}',
                idempotencyKey: $guess,
                idempotencyHeader: 'X-Idem',
                credentials: [self::seal('secret', $secret, Placement::header('X-Key'))],
            ));
        };
        $hidden = '[redacted]';
        foreach ([$secret => true, 'a-wrong-guess' => false] as $guess => $isRight) {
            $outcome = $send($guess);
            $other = static fn (string $value): string => $isRight ? $hidden : $value;

            self::assertSame('200', $outcome->brief(), $outcome->message());
            $double = $other($guess . ', ' . $guess);
            self::assertSame([$guess, $double, $other(base64_encode($guess))], $outcome->values('x-guess'));
            self::assertSame(['a ' . $guess . ' b', $other($guess)], $outcome->values('x-part'));
            self::assertSame([$guess], $outcome->values('x-idem'));
            self::assertSame([$hidden], $outcome->values('x-key'), 'the credential is no field of the caller');
            self::assertSame([$other($guess)], $outcome->values('x-other'));
            self::assertSame([$other('/next?q=' . $guess)], $outcome->values('location'));
            self::assertSame([$other('{"q":"' . $guess . '"}')], $outcome->values('x-body'));
        }
    }

    /** Whether this transport does not sign, which is asserted. */
    private static function isRefusedAsUnsupported(string $type, Outcome $outcome): bool
    {
        if (!self::deviates('signing')) {
            return false;
        }
        self::assertFailed('credential.unsupported', 'no', $outcome);
        self::assertStringContainsString($type . ' needs the library', $outcome->message());
        self::assertSame(0, self::connections());
        return true;
    }
}
