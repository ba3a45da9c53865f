<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Exception\CredentialUnavailable;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

/**
 * What `secure-outbound seal` makes is opened by the library, and what the library would refuse is not sealed.
 */
final class SealTest extends CommandTestCase
{
    private const IDENTIFIER = 'my_api_key';
    private const SECRET = 'c4n4ry-77d0';

    private static Upstream $upstream;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
    }

    public static function tearDownAfterClass(): void
    {
        self::$upstream->stop();
    }

    /**
     * @dataProvider payloads
     * @param array<string, mixed> $payload
     */
    public function testTheLibraryOpensWhatWasSealed(array $payload, string $header, string $value): void
    {
        $key = $this->keyFile();
        $json = str_replace('PORT', (string) self::$upstream->nginx->port(), (string) json_encode($payload));
        $envelope = self::envelope([self::IDENTIFIER, '--key-file=' . $key], $json);

        self::assertStringNotContainsString(self::SECRET, $envelope);
        $response = $this->send($envelope, $payload['type'], ['provider' => 'file', 'path' => $key]);
        self::assertSame($value, json_decode($response->body, true)['headers'][$header] ?? null);
    }

    /**
     * @return iterable<string, array{array<string, mixed>, string, string}>
     */
    public static function payloads(): iterable
    {
        $basic = ['type' => 'basic', 'username' => 'u', 'password' => self::SECRET];
        $bearer = ['type' => 'bearer', 'token' => self::SECRET];
        $key = ['type' => 'api_key', 'key' => self::SECRET];
        yield 'bearer' => [$bearer, 'authorization', 'Bearer ' . self::SECRET];
        yield 'basic' => [$basic, 'authorization', 'Basic ' . base64_encode('u:' . self::SECRET)];
        yield 'api_key' => [$key, 'x-api-key', self::SECRET];
        yield 'api_key with a header and a prefix' => [
            $key + ['header' => 'X-Key', 'prefix' => 'Key '],
            'x-key',
            'Key ' . self::SECRET,
        ];
        yield 'with a binding that allows it' => [
            $bearer + ['binding' => [
                'hosts' => ['localhost:PORT', 'http://a.internal:8080', '*.b.example', '[::1]:8443'],
                'methods' => ['GET'],
                'paths' => ['/v1/**'],
                'expires_at' => '2199-12-31T23:59:59Z',
            ]],
            'authorization',
            'Bearer ' . self::SECRET,
        ];
    }

    /**
     * @dataProvider bindings
     * @param array<string, mixed> $binding
     */
    public function testABindingHolds(array $binding, string $code): void
    {
        $key = $this->keyFile();
        $payload = ['type' => 'bearer', 'token' => self::SECRET, 'binding' => $binding];
        $envelope = self::envelope([self::IDENTIFIER, '--key-file=' . $key], (string) json_encode($payload));

        try {
            $this->send($envelope, 'bearer', ['provider' => 'file', 'path' => $key]);
            self::fail('It was sent.');
        } catch (OutboundException $refusal) {
            self::assertSame($code, $refusal->errorCode());
        }
    }

    /**
     * @return iterable<string, array{array<string, mixed>, string}>
     */
    public static function bindings(): iterable
    {
        yield 'another host' => [['hosts' => ['api.example.com']], 'policy.binding_violated'];
        yield 'another method' => [['methods' => ['POST']], 'policy.binding_violated'];
        yield 'another path' => [['paths' => ['/v2/**']], 'policy.binding_violated'];
        yield 'a time that is over' => [['expires_at' => '2020-01-01T00:00:00Z'], 'credential.expired'];
        yield 'a time in seconds that is over' => [['expires_at' => 1577836800], 'credential.expired'];
    }

    /** The library accepts the payload: what it refuses afterwards is the token URL's port. */
    public function testATypeOfTokenIsTheLibrarys(): void
    {
        $key = $this->keyFile();
        foreach (['BearerToken', 'urn:example:token', ''] as $type) {
            $envelope = self::envelope([self::IDENTIFIER, '--key-file=' . $key], (string) json_encode([
                'type' => 'oauth2_client_credentials',
                'client_id' => 'c',
                'client_secret' => self::SECRET,
                'token_url' => 'https://localhost:9/token',
                'token_type' => $type,
            ]));
            try {
                $this->send($envelope, 'oauth2_client_credentials', ['provider' => 'file', 'path' => $key]);
                self::fail('It was sent.');
            } catch (OutboundException $refusal) {
                self::assertSame('policy.port_not_allowed', $refusal->errorCode(), $refusal->getMessage());
            }
        }
    }

    /** A file such as Google's, with a token URL of its own, which is not asked. */
    private function serviceAccount(mixed ...$changes): string
    {
        return $this->json('account.json', $changes + [
            'type' => 'service_account',
            'project_id' => 'project',
            'private_key_id' => '4f1c',
            'private_key' => file_get_contents(dirname(__DIR__, 3) . '/tests/vectors/keys/rsa-pkcs8.pem'),
            'client_email' => 'importer@project.example',
            'token_uri' => 'https://elsewhere.example/token',
        ]);
    }

    /** The library accepts the payload: what it refuses afterwards is the request or the token URL. */
    public function testAServiceAccountsFileBecomesAPayload(): void
    {
        $key = $this->keyFile();
        $google = [self::IDENTIFIER, '--key-file=' . $key, '--google=' . $this->serviceAccount()];
        foreach (
            [
                [['--scope=a', '--scope=b', '--host=api.example.com'], 'policy.binding_violated', 'is bound elsewhere'],
                [['--scope=a', '--host=HOST'], 'policy.host_not_allowed', 'the token URL is refused'],
                [
                    ['--target-audience=https://a', '--host=HOST', '--token-url=https://HOST/nothing'],
                    'oauth.',
                    'token endpoint',
                ],
            ] as [$options, $code, $says]
        ) {
            $host = 'localhost:' . self::$upstream->nginx->port();
            $options = str_replace('HOST', $host, $options);
            $envelope = self::envelope([...$google, ...$options], '');
            try {
                // Nobody is asked: the limit allows no other host.
                $limits = ['limits' => ['hosts' => [$host]]];
                $this->send($envelope, 'oauth2_jwt_bearer', ['provider' => 'file', 'path' => $key], more: $limits);
                self::fail('It was sent.');
            } catch (OutboundException $refusal) {
                self::assertStringStartsWith($code, $refusal->errorCode(), $refusal->getMessage());
                self::assertStringContainsString($says, $refusal->getMessage());
            }
        }
    }

    public function testWhatIsNoServiceAccountIsNotSealed(): void
    {
        $scope = ['--scope=a', '--host=api.example.com'];
        $cases = [
            [$this->serviceAccount(), ['--host=a.example'], 'of Google needs scopes (--scope)'],
            [$this->serviceAccount(), ['--target-audience=a', ...$scope], 'of Google needs scopes (--scope)'],
            [$this->serviceAccount(), ['--scope=a'], 'of Google needs the hosts of the API (--host)'],
            [$this->serviceAccount(), ['--plain', ...$scope], 'leave --plain out'],
            [$this->serviceAccount(), ['--token-url=x', ...$scope], '"token_url": it is not an absolute URL'],
            ['/nonexistent', $scope, 'cannot be read'],
        ];
        foreach ($cases as [$file, $options, $says]) {
            $arguments = ['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile(), '--google=' . $file, ...$options];
            $result = self::command($arguments);
            self::assertSame(64, $result['code'], $result['output']);
            self::assertStringContainsString($says, $result['output']);
            self::assertStringNotContainsString('nrv1:', $result['output']);
        }
        $changes = [
            [['type' => 'authorized_user'], 'not that of a service account'],
            [['private_key' => self::SECRET], 'it is not one block of PEM'],
            [['client_email' => ''], 'has no "client_email"'],
            [['private_key_id' => null], 'has no "private_key_id"'],
        ];
        foreach ($changes as [$change, $says]) {
            $file = $this->serviceAccount(...$change);
            $result = self::command(['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile(), '--google=' . $file, ...$scope]);
            self::assertSame(64, $result['code'], $result['output']);
            self::assertStringContainsString($says, $result['output']);
            self::assertStringNotContainsString(self::SECRET, $result['output']);
        }
        $result = self::command(['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile(), '--scope=a'], '{}');
        self::assertStringContainsString('--scope goes with --google', $result['output']);
    }

    public function testABoundSecretIsOpenedAndItsBindingHolds(): void
    {
        $key = $this->keyFile();
        $source = ['provider' => 'file', 'path' => $key];
        $seal = static fn (string $host): string => self::envelope([self::IDENTIFIER, '--key-file=' . $key], (string) json_encode([
            'type' => 'secret',
            'secret' => self::SECRET . "\tx",
            'binding' => ['hosts' => [$host]],
        ]));

        $here = $seal('localhost:' . self::$upstream->nginx->port());
        $response = $this->send($here, 'secret', $source, Placement::header('X-Key'));
        self::assertSame(self::SECRET . "\tx", json_decode($response->body, true)['headers']['x-key']);
        try {
            $this->send($seal('api.example.com'), 'secret', $source, Placement::header('X-Key'));
            self::fail('It was sent.');
        } catch (OutboundException $refusal) {
            self::assertSame('policy.binding_violated', $refusal->errorCode());
        }
    }

    /**
     * @dataProvider unbound
     * @param list<string> $options
     */
    public function testWhatIsBoundToNoHostsIsSealedWithAWarning(string $payload, array $options): void
    {
        $output = self::printed(['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile(), ...$options], $payload);

        self::assertStringContainsString('warning: the credential is bound to no hosts', $output);
        self::assertStringNotContainsString(self::SECRET, $output);
        self::assertMatchesRegularExpression('/^nrv1:\S+$/m', $output);
    }

    /**
     * @return iterable<string, array{string, list<string>}>
     */
    public static function unbound(): iterable
    {
        $bearer = '{"type":"bearer","token":"' . self::SECRET . '"';
        yield 'no binding' => [$bearer . '}', []];
        yield 'a binding of methods' => [$bearer . ',"binding":{"methods":["GET"]}}', []];
        yield 'bytes' => [self::SECRET, ['--plain']];
    }

    /** Key, certificates and what else a client certificate's payload has. */
    private static function certificate(string $key, string $chain, mixed ...$changes): string
    {
        $read = static fn (string $name): string
            => (string) file_get_contents(dirname(__DIR__, 3) . '/tests/vectors/keys/' . $name . '.pem');
        return (string) json_encode($changes + [
            'type' => 'mtls',
            'private_key' => $read($key),
            'certificate_chain' => implode('', array_map($read, explode(' ', $chain))),
            'binding' => ['hosts' => ['a.example']],
        ]);
    }

    public function testWhenACertificateExpiresIsTold(): void
    {
        $client = ['type' => 'oauth2_client_credentials', 'client_auth' => 'tls_client_auth', 'client_id' => 'c', 'token_url' => 'https://a.example/'];
        foreach (
            [
                [self::certificate('p256-sec1', 'p256-chain'), 'seal: the certificate expires on 21'],
                [self::certificate('p256-pkcs8', 'p256-self-signed', ...$client), 'seal: the certificate expires on 21'],
                [self::certificate('p256-sec1', 'p256-expired'), 'seal: warning: the certificate expired on 2021-01-01 00:00 UTC'],
            ] as [$payload, $says]
        ) {
            $output = self::printed(['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile()], $payload);
            self::assertStringContainsString($says, $output);
            self::assertMatchesRegularExpression('/^nrv1:\S+$/m', $output);
        }
    }

    public function testWhatIsBoundToHostsIsSealedWithoutAWord(): void
    {
        $payload = '{"type":"bearer","token":"' . self::SECRET . '","binding":{"hosts":["api.example.com"]}}';
        $output = self::printed(['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile()], $payload);

        self::assertMatchesRegularExpression('/\Anrv1:\S+\n\z/', $output);
    }

    /**
     * @dataProvider algorithms
     */
    public function testBothAlgorithmsAreOpened(string $algorithm): void
    {
        $key = $this->keyFile();
        $arguments = [self::IDENTIFIER, '--key-file', $key, '--algorithm', $algorithm, '--plain'];
        $envelope = self::envelope($arguments, self::SECRET . "\n");
        $fields = json_decode((string) base64_decode(substr(trim($envelope), 5), true), true);

        self::assertSame($algorithm, $fields['encryption_algorithm']);
        $response = $this->send($envelope, 'secret', ['provider' => 'file', 'path' => $key], Placement::bearer());
        self::assertSame('Bearer ' . self::SECRET, json_decode($response->body, true)['headers']['authorization']);
    }

    /**
     * @return iterable<array{string}>
     */
    public static function algorithms(): iterable
    {
        yield ['xchacha20poly1305'];
        yield ['aes256gcm'];
    }

    /**
     * @dataProvider sources
     * @param callable(self): array{list<string>, array<string, string>, array<string, mixed>} $source
     */
    public function testEachKeySourceIsTheLibrarys(callable $source): void
    {
        [$arguments, $environment, $entry] = $source($this);
        $payload = '{"type":"bearer","token":"' . self::SECRET . '"}';
        $envelope = self::envelope([self::IDENTIFIER, ...$arguments], $payload, $environment);

        self::assertSame(200, $this->send($envelope, 'bearer', $entry)->status);
    }

    /**
     * @return iterable<string, array{callable}>
     */
    public static function sources(): iterable
    {
        $key = random_bytes(32);
        $raw = ['provider' => 'raw', 'key_base64' => base64_encode($key)];
        $hex = bin2hex(random_bytes(48));
        $typo3 = ['provider' => 'typo3', 'encryption_key' => $hex];
        yield 'raw bytes in a file' => [static function (self $test) use ($key, $raw): array {
            return [['--key-file=' . $test->keyFile($key)], [], $raw];
        }];
        yield 'base64 with a line break in a file' => [static function (self $test) use ($key, $raw): array {
            return [['--key-file=' . $test->keyFile(base64_encode($key) . "\n")], [], $raw];
        }];
        yield 'a variable' => [static function () use ($key, $raw): array {
            return [['--key-env=VAULT_KEY'], ['VAULT_KEY' => base64_encode($key)], $raw];
        }];
        yield "TYPO3's encryption key in a variable" => [static function () use ($hex, $typo3): array {
            return [['--encryption-key-env=T3_KEY'], ['T3_KEY' => $hex], $typo3];
        }];
        yield "TYPO3's encryption key in a file" => [static function (self $test) use ($hex, $typo3): array {
            return [['--encryption-key-file=' . $test->keyFile($hex . "\n")], [], $typo3];
        }];
        yield 'the configuration' => [static function (self $test) use ($raw): array {
            return [['--config=' . $test->json('config.json', ['master_keys' => [$raw]])], [], $raw];
        }];
        yield 'a key of the configuration by its id' => [static function (self $test) use ($raw, $typo3): array {
            $keys = [['id' => 'new'] + $raw, ['id' => 'old'] + $typo3];
            return [['--config=' . $test->json('config.json', ['master_keys' => $keys]), '--key-id=old'], [], $typo3];
        }];
    }

    public function testTheIdentifierIsSealedWithIt(): void
    {
        $key = $this->keyFile();
        $payload = '{"type":"bearer","token":"' . self::SECRET . '"}';
        $envelope = self::envelope(['another_key', '--key-file=' . $key], $payload);

        try {
            $this->send($envelope, 'bearer', ['provider' => 'file', 'path' => $key]);
            self::fail('It was opened.');
        } catch (CredentialUnavailable $failure) {
            self::assertSame('credential.authentication_failed', $failure->errorCode());
        }
    }

    /**
     * @dataProvider faults
     */
    public function testWhatTheLibraryWouldRefuseIsNotSealed(string $payload, string $says): void
    {
        $result = self::command(['seal', self::IDENTIFIER, '--key-file=' . $this->keyFile()], $payload);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertStringContainsString($says, $result['output']);
        self::assertStringNotContainsString(self::SECRET, $result['output']);
        self::assertStringNotContainsString('nrv1:', $result['output']);
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function faults(): iterable
    {
        $bearer = static fn (string $more): string => '{"type":"bearer","token":"' . self::SECRET . '"' . $more . '}';
        $bound = static fn (string $binding): string => $bearer(',"binding":' . $binding);
        yield 'no JSON' => [self::SECRET, 'no JSON object'];
        yield 'a list' => ['["' . self::SECRET . '"]', 'no JSON object'];
        $secret = static fn (string $more): string => '{"type":"secret"' . $more . '}';
        $there = ',"binding":{"hosts":["a.example"]}';
        yield 'a secret without its binding' => [$secret(',"secret":"' . self::SECRET . '"'), 'needs "binding"'];
        yield 'a binding without its secret' => [$secret($there), 'needs "secret"'];
        yield 'an empty secret' => [$secret(',"secret":""' . $there), 'is empty'];
        yield 'a number for a secret' => [$secret(',"secret":7' . $there), '"secret" is no text'];
        yield 'a secret with a token' => [$secret(',"secret":"x","token":"t"' . $there), 'a key that is not one of'];
        yield 'a secret that is bound nowhere' => [$secret(',"secret":"x","binding":{}'), 'would bind nothing'];
        yield 'no type' => ['{"token":"' . self::SECRET . '"}', '"type" is one of bearer, api_key, basic, oauth2'];
        yield 'an unknown type' => ['{"type":"' . self::SECRET . '"}', '"type" is one of'];
        $client = static fn (array $more): string => (string) json_encode($more + [
            'type' => 'oauth2_client_credentials',
            'client_id' => 'c',
            'client_secret' => self::SECRET,
            'token_url' => 'https://a.example/token',
        ], JSON_UNESCAPED_SLASHES);
        yield 'a client without anything' => ['{"type":"oauth2_client_credentials"}', 'needs "client_id"'];
        yield 'a client without its secret' => [
            '{"type":"oauth2_client_credentials","client_id":"c","token_url":"https://a.example/"}',
            'needs "client_secret"',
        ];
        yield 'a client with an empty secret' => [$client(['client_secret' => '']), 'is empty'];
        yield 'a path for a token endpoint' => [$client(['token_url' => '/token']), '"token_url": it is not an absolute URL'];
        yield 'a user in it' => [$client(['token_url' => 'https://u:p@a.example/token']), '"token_url": it holds a user'];
        yield 'a fragment in it' => [$client(['token_url' => 'https://a.example/#t']), '"token_url": it holds a fragment'];
        yield 'another scheme in it' => [$client(['token_url' => 'ftp://a.example/']), '"token_url": the scheme'];
        yield 'a path that reads in two ways' => [$client(['token_url' => 'https://a.example/a/../b']), '"token_url": the path'];
        yield 'a token endpoint that it is not bound to' => [
            $client(['binding' => ['hosts' => ['api.example']]]),
            '"token_url": the host is not among',
        ];
        yield 'a token endpoint over plain HTTP that it is not bound to' => [
            $client(['token_url' => 'http://a.internal:81/', 'binding' => ['hosts' => ['a.internal:81']]]),
            'seal "http://a.internal:81" among the hosts',
        ];
        yield 'scopes in one text' => [$client(['scopes' => 'read write']), '"scopes" is no list'];
        yield 'two scopes in one' => [$client(['scopes' => ['read write']]), '"scopes" is no list'];
        yield 'an object of scopes' => [$client(['scopes' => ['a' => 'read']]), '"scopes" is no list'];
        yield 'a resource that is empty' => [$client(['resource' => ['']]), '"resource" is neither'];
        yield 'an audience that is empty' => [$client(['audience' => '']), '"audience" is empty'];
        yield 'another authentication' => [$client(['client_auth' => 'post']), '"client_auth" is one of body, basic, private_key_jwt, tls_client_auth'];
        yield 'a type of token with a blank' => [$client(['token_type' => 'Bearer Token']), '"token_type" is no'];
        yield 'a list of types of token' => [$client(['token_type' => ['Bearer']]), '"token_type" is no'];
        yield 'no type of token' => [$client(['token_type' => null]), '"token_type" is no'];
        yield 'a misspelt key of a client' => [$client(['scope' => 'read']), 'a key that is not one of'];
        $key = static fn (string $name): string
            => (string) file_get_contents(dirname(__DIR__, 3) . "/tests/vectors/keys/$name.pem");
        $grant = static fn (array $more): string => (string) json_encode($more + [
            'type' => 'oauth2_jwt_bearer',
            'private_key' => $key('rsa-pkcs8'),
            'alg' => 'RS256',
            'iss' => self::SECRET,
            'token_url' => 'https://a.example/token',
            'binding' => ['hosts' => ['a.example', 'api.example']],
        ], JSON_UNESCAPED_SLASHES);
        $keyed = static fn (array $more): string => (string) json_encode($more + [
            'type' => 'oauth2_client_credentials',
            'client_id' => 'c',
            'client_auth' => 'private_key_jwt',
            'private_key' => $key('rsa-pkcs1'),
            'alg' => 'PS256',
            'token_url' => 'https://a.example/token',
            'binding' => ['hosts' => ['a.example', 'api.example']],
        ], JSON_UNESCAPED_SLASHES);
        yield 'a client with key and secret' => [$keyed(['client_secret' => 's']), '"client_secret" does not go with'];
        yield 'a client with its key in the body' => [$client(['private_key' => self::SECRET]), '"private_key" does not go with'];
        yield 'a client whose key is bound nowhere' => [$keyed(['binding' => ['methods' => ['GET']]]), 'needs "binding.hosts"'];
        yield 'a client with another key' => [$keyed(['alg' => 'ES256']), 'ES256 needs a whole key of the curve P-256'];
        yield 'a client with a weak key' => [$keyed(['private_key' => $key('rsa-1024')]), 'PS256 needs a whole RSA key'];
        yield 'an assertion of an hour' => [$keyed(['lifetime' => 3600]), 'seconds from 1 to 300'];
        yield 'a thumbprint in hex' => [$keyed(['x5t#S256' => str_repeat('ab', 32)]), '"x5t#S256" is no SHA-256'];
        $signed = static fn (array $more): string => (string) json_encode($more + [
            'type' => 'jwt',
            'private_key' => $key('p256-pkcs8'),
            'alg' => 'ES256',
            'binding' => ['hosts' => ['a.example']],
        ], JSON_UNESCAPED_SLASHES);
        yield 'a token of a minute' => [$signed(['lifetime' => 60]), 'seconds from 120 to 3600'];
        yield 'a token with another end' => [$signed(['exp' => 3600]), '"exp" is true or false'];
        yield 'a token with an id' => [$signed(['claims' => ['jti' => 'a']]), '"claims" has "jti"'];
        yield 'a token that is bound nowhere' => [$signed(['binding' => ['methods' => ['GET']]]), 'needs "binding.hosts"'];
        yield 'an exchange elsewhere' => [
            $signed(['exchange' => ['url' => 'https://b.example/']]),
            '"exchange.url": the host is not among',
        ];
        yield 'an exchange of a list' => [
            $signed(['exchange' => ['url' => 'https://a.example/', 'body' => []]]),
            '"exchange.body" is no JSON object',
        ];
        yield 'a grant without its key' => ['{"type":"oauth2_jwt_bearer"}', 'needs "private_key"'];
        yield 'a grant that is bound nowhere' => [$grant(['binding' => ['methods' => ['GET']]]), 'needs "binding.hosts"'];
        yield 'a token endpoint that a grant is not bound to' => [
            $grant(['binding' => ['hosts' => ['api.example']]]),
            '"token_url": the host is not among',
        ];
        yield 'an algorithm of a shared secret' => [$grant(['alg' => 'HS256']), '"alg" is one of RS256, ES256'];
        yield 'a key of another kind' => [$grant(['alg' => 'ES256']), 'ES256 needs a whole key of the curve P-256'];
        yield 'a weak key' => [$grant(['private_key' => $key('rsa-1024')]), 'RS256 needs a whole RSA key of 2048'];
        yield 'a public key' => [$grant(['private_key' => $key('rsa-public')]), 'its block is PUBLIC KEY, and not one of'];
        yield 'an encrypted key' => [
            $grant(['private_key' => str_replace('PRIVATE', 'ENCRYPTED PRIVATE', $key('rsa-pkcs8'))]),
            'it is encrypted: decrypt it',
        ];
        yield 'no PEM' => [$grant(['private_key' => self::SECRET]), 'it is not one block of PEM'];
        yield 'two hours' => [$grant(['lifetime' => 7200]), '"lifetime" is no whole number of seconds'];
        yield 'a claim of the library' => [$grant(['claims' => ['exp' => 1]]), '"claims" has "exp"'];
        yield 'a claim twice' => [
            substr($grant([]), 0, -1) . ',"claims":{"a":1,"\u0061":2}}',
            '"claims" has a key twice',
        ];
        yield 'a field of the library' => [$grant(['fields' => ['assertion' => 'a']]), '"fields" has "assertion"'];
        yield 'a field that is no text' => [$grant(['fields' => ['a' => 1]]), '"fields" has a value that is no text'];
        $aws = static fn (array $more): string => (string) json_encode($more + [
            'type' => 'aws_sigv4',
            'access_key_id' => 'AKIDEXAMPLE',
            'secret_access_key' => self::SECRET . 'and more of it',
            'region' => 'eu-central-1',
            'service' => 'ses',
            'binding' => ['hosts' => ['a.example']],
        ]);
        yield 'a key of AWS that is bound nowhere' => [$aws(['binding' => ['methods' => ['GET']]]), 'needs "binding.hosts"'];
        yield 'a key id with a scope' => [$aws(['access_key_id' => 'AKID/2026']), '"access_key_id" is empty, or holds'];
        yield 'a region in capitals' => [$aws(['region' => 'EU']), '"region" is no name'];
        yield 'a short secret key' => [$aws(['secret_access_key' => 'seven b']), '"secret_access_key" has fewer than 8'];
        yield 'a session token with a blank' => [$aws(['session_token' => 'a b']), '"session_token" is empty or no printable'];
        $role = static fn (array $more): string => $aws(['exchange' => $more + [
            'url' => 'https://a.example/',
            'role_arn' => 'arn:aws:iam::123456789012:role/media',
        ]]);
        yield 'a role without its ARN' => [$role(['role_arn' => 'media']), '"exchange.role_arn" is no ARN of a role'];
        yield 'a role for a day' => [$role(['lifetime' => 86_400]), '"exchange.lifetime" is no whole number of seconds from 900 to 43200'];
        yield 'a role of an STS beyond the binding' => [$role(['url' => 'https://b.example/']), '"exchange.url": '];
        yield 'a role with a policy' => [$role(['policy' => '{}']), '"exchange" has a key that is not one of url, lifetime'];
        yield 'an unsigned body for SES' => [$aws(['unsigned_payload' => true]), 'true for the service s3 alone'];
        $hmac = static fn (array $more): string => (string) json_encode($more + [
            'type' => 'hmac',
            'key' => self::SECRET . 'and more of it',
            'alg' => 'sha256',
            'template' => '{time}.{body}',
            'headers' => ['x-signature' => '{signature}'],
            'binding' => ['hosts' => ['a.example']],
        ]);
        yield 'a signature that is bound nowhere' => [$hmac(['binding' => ['methods' => ['GET']]]), 'needs "binding.hosts"'];
        yield 'an unknown hash' => [$hmac(['alg' => 'md5']), '"alg" is one of sha1, sha256, sha384, sha512'];
        yield 'a short key' => [$hmac(['key' => 'fifteen bytes .']), 'fewer than 16 bytes'];
        yield 'a key in another form' => [$hmac(['key_encoding' => 'hex']), '"key" is not written as "key_encoding" says'];
        yield 'a signature that goes nowhere' => [$hmac(['headers' => ['x-a' => '{time}']]), 'have no "{signature}"'];
        yield 'a template of nothing' => [$hmac(['template' => 'constant']), '"template" has no part of a request'];
        yield 'an unknown part' => [$hmac(['template' => '{secret}']), '"template" has a brace that is no part'];
        yield 'a part of the connection' => [$hmac(['template' => '{header:host}']), 'that belongs to the connection'];
        yield 'a header twice' => [$hmac(['headers' => ['x-a' => '{signature}', 'X-A' => '1']]), '"headers" has a name twice'];
        yield 'a header of the connection' => [$hmac(['headers' => ['host' => '{signature}']]), '"headers" has a name that is none'];
        yield 'a certificate that is bound nowhere' => [self::certificate('p256-sec1', 'p256-chain', binding: []), 'needs "binding.hosts"'];
        yield "another key's certificate" => [self::certificate('rsa-pkcs8', 'p256-chain'), 'first certificate is not that of "private_key"'];
        yield 'an issuer of somebody else' => [self::certificate('p256-sec1', 'p256-chain p256-self-signed'), 'certificate 3 is not of the issuer'];
        yield 'a chain that begins with the issuer' => [
            self::certificate('p256-sec1', 'p256-self-signed p256-chain'),
            'certificate 2 is not of the issuer of the one before it',
        ];
        yield 'a chain with a key' => [self::certificate('p256-sec1', 'p256-chain p256-sec1'), 'it has a block that is no certificate'];
        yield 'a short key of TLS' => [self::certificate('rsa-1024', 'p256-chain'), 'TLS needs a whole RSA key of 2048 to 8192 bits'];
        yield 'a certificate beside a secret' => [
            self::certificate('p256-sec1', 'p256-chain', ...[
                'type' => 'oauth2_client_credentials', 'client_auth' => 'tls_client_auth', 'client_id' => 'c',
                'client_secret' => self::SECRET, 'token_url' => 'https://a.example/',
            ]),
            '"client_secret" does not go with this "client_auth"',
        ];
        yield 'a missing key' => ['{"type":"basic","password":"' . self::SECRET . '"}', 'needs "username"'];
        yield 'a key too many' => [$bearer(',"' . self::SECRET . '":1'), 'a key that is not one of'];
        yield 'a key of another type' => [$bearer(',"username":"u"'), 'a key that is not one of'];
        yield 'a duplicate key' => [$bearer(',"token":"x"'), 'a key occurs twice'];
        yield 'a duplicate key, escaped' => [$bearer(',"tok\u0065n":"x"'), 'a key occurs twice'];
        yield 'a number' => ['{"type":"bearer","token":7}', '"token" is no text'];
        yield 'an empty token' => ['{"type":"bearer","token":""}', 'is empty'];
        yield 'an empty pair' => ['{"type":"basic","username":"","password":""}', 'is empty'];
        yield 'a line break' => ['{"type":"bearer","token":"' . self::SECRET . '\n"}', 'a control character'];
        yield 'a blank at the end' => ['{"type":"bearer","token":"' . self::SECRET . ' "}', 'ends with a blank'];
        yield 'a colon in the user' => ['{"type":"basic","username":"a:b","password":"' . self::SECRET . '"}', 'colon'];
        yield 'a reserved header' => ['{"type":"api_key","key":"k","header":"Proxy-X"}', '"header" is no name'];
        yield 'a broken header' => ['{"type":"api_key","key":"k","header":"a b"}', '"header" is no name'];
        yield 'an empty binding' => [$bound('{}'), 'would bind nothing'];
        yield 'a list for a binding' => [$bound('[]'), '"binding" is no JSON object'];
        yield 'a misspelt key of the binding' => [$bound('{"host":["a.example"]}'), '"binding" has a key'];
        yield 'a key of the binding twice' => [$bound('{"hosts":["a.b"],"hosts":["c.d"]}'), 'a key occurs twice'];
        yield 'a host that is a URL' => [$bound('{"hosts":["https://a.example/"]}'), '"binding.hosts": '];
        yield 'a list that allows nothing' => [$bound('{"hosts":[]}'), '"binding.hosts" is empty'];
        $faults = [
            'hosts' => ['010.0.0.1', 'api.example:99999', '-bad-..example', '-bad.example', 'a b', '*', 'api.example/v1',
                'HTTP://a.example', 'http://a.example/', 'u@a.example', 'xn--a', ''],
            'methods' => ['get', 'CONNECT', 'TRACE', 'GE T', ''],
            'paths' => ['v1', '/a*b', '/{', '/{a}b', '/v1/../x', '/v1/%2e%2e', '/**/a', '/v1//x', '/a?b', '/%zz', ''],
        ];
        foreach ($faults as $key => $entries) {
            foreach ($entries as $entry) {
                $list = (string) json_encode([$key => [$entry]]);
                yield $key . ' ' . $entry => [$bound($list), '"binding.' . $key . '": '];
            }
        }
        yield 'milliseconds' => [$bound('{"expires_at":99999999999999}'), '"binding.expires_at" is'];
        yield 'a part of a second' => [$bound('{"expires_at":1795300000.5}'), '"binding.expires_at" is'];
        yield 'a day' => [$bound('{"expires_at":"2027-01-01"}'), '"binding.expires_at" is'];
        yield 'no day' => [$bound('{"expires_at":"2027-02-30T00:00:00Z"}'), '"binding.expires_at" is'];
    }

    /**
     * @dataProvider calls
     * @param list<string> $arguments
     */
    public function testAWrongCallSealsNothing(array $arguments, string $says, ?string $payload = null): void
    {
        $payload ??= '{"type":"bearer","token":"' . self::SECRET . '"}';
        $key = '--key-file=' . $this->keyFile();
        $arguments = array_map(static fn (string $word): string => $word === 'KEY' ? $key : $word, $arguments);
        $result = self::command(['seal', ...$arguments], $payload);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertStringContainsString($says, $result['output']);
        self::assertStringNotContainsString(self::SECRET, $result['output']);
    }

    /**
     * @return iterable<string, array{0: list<string>, 1: string, 2?: string}>
     */
    public static function calls(): iterable
    {
        yield 'no identifier' => [['KEY'], 'Exactly these go here: IDENTIFIER'];
        yield 'a secret as an argument' => [['my_key', self::SECRET, 'KEY'], 'Exactly these go here: IDENTIFIER'];
        yield 'a secret as an option' => [['my_key', '--token=' . self::SECRET, 'KEY'], 'no option --token.'];
        yield 'an identifier that vaults do not have' => [['a b', 'KEY'], 'IDENTIFIER is'];
        yield 'no key' => [['my_key'], 'Exactly one key goes here'];
        yield 'two keys' => [['my_key', 'KEY', '--key-env=A'], 'Exactly one key goes here'];
        yield 'an unknown algorithm' => [['my_key', 'KEY', '--algorithm=rot13'], '--algorithm is'];
        yield 'a key file that is not there' => [['my_key', '--key-file=/nonexistent'], 'does not exist'];
        yield 'a directory' => [['my_key', '--key-file=/tmp'], 'not a regular file'];
        yield 'a variable that is not set' => [['my_key', '--key-env=NOT_SET'], 'not set'];
        yield 'a bound secret as plain' => [['my_key', 'KEY', '--plain'], 'seal it without --plain', '{"type":"secret","secret":"'
            . self::SECRET . '","binding":{"hosts":["a.example"]}}'];
        yield 'a typed payload as plain' => [['my_key', 'KEY', '--plain'], 'seal it without --plain'];
    }

    /**
     * @dataProvider unusableKeys
     */
    public function testAKeyThatCannotBeUsedIsNamed(string $option, string $contents, string $says): void
    {
        $arguments = ['seal', 'my_key', $option . '=' . $this->keyFile($contents)];
        $result = self::command($arguments, '{"type":"bearer","token":"t"}');

        self::assertSame(['code' => 64, 'output' => 'secure-outbound seal: ' . $says . "\n"], $result);
    }

    /**
     * @return iterable<string, array{string, string, string}>
     */
    public static function unusableKeys(): iterable
    {
        $entry = static fn (string $json): string => '{"master_keys":[' . $json . ']}';
        $file = '--encryption-key-file';
        $short = $file . ': the encryption key is shorter than 32 bytes.';
        $raw = '{"provider":"raw","key_base64":"AAAA"}';
        yield 'text that is too short' => [$file, str_repeat('a', 31) . "\n", $short];
        yield 'a long file' => [$file, str_repeat('a', 4097), 'The file of the encryption key is too long to be one.'];
        yield 'an id' => ['--config', $entry('{"id":"a"}'), '--config: the master key has an id, but no provider.'];
        yield 'a typo' => ['--config', $entry('{"paht":"/x"}'), '--config: a master key has the unknown key "paht": write "path".'];
        yield 'three bytes' => ['--config', $entry($raw), '--config: key_base64 is not the base64 of 32 bytes.'];
        yield 'none' => ['--config', $entry(''), 'The configuration has no such master key.'];
    }

    /**
     * @dataProvider wrongKeys
     */
    public function testAKeyOfAnotherLengthIsNotTaken(string $key): void
    {
        $arguments = ['seal', 'my_key', '--key-file=' . $this->keyFile($key)];
        $result = self::command($arguments, '{"type":"bearer","token":"t"}');

        self::assertSame(64, $result['code']);
        self::assertStringContainsString('neither 32 bytes nor the base64 of 32 bytes', $result['output']);
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function wrongKeys(): iterable
    {
        yield 'hex' => [str_repeat('ab', 32)];
        yield 'base64 of 31' => [base64_encode(str_repeat('k', 31))];
        yield 'empty' => [''];
    }

    /**
     * @param array<string, mixed> $key entry of master_keys
     * @param array<string, mixed> $more of the configuration
     */
    private function send(
        string $envelope,
        string $type,
        array $key,
        ?Placement $placement = null,
        array $more = [],
    ): ResponseSpec {
        $config = self::$upstream->config(['master_keys' => [$key]] + $more);
        $transport = new RustFfiTransport($config, Build::library());
        return $transport->send(new RequestSpec(
            'sealed',
            'GET',
            new Policy(['GET']),
            self::$upstream->url(),
            '/echo',
            credentials: [(new CredentialReference(self::IDENTIFIER, $type, $placement))->seal(trim($envelope))],
        ));
    }

    public function testTryShowsWhatIsSignedAndNothingSecret(): void
    {
        $token = 't0k3n-of-the-session';
        $aws = [
            'type' => 'aws_sigv4',
            'access_key_id' => 'AKIDEXAMPLE',
            'secret_access_key' => self::SECRET . 'and more of it',
            'session_token' => $token,
            'region' => 'eu-central-1',
            'service' => 's3',
            'binding' => ['hosts' => ['a.example']],
        ];
        $body = $this->directory->write('body', 'the body');
        $try = ['seal', '--try', 'PUT', 'https://a.example/b(c?x=y&a=1', '--header=X-Amz-Meta-A: 1  2', '--body=' . $body];
        foreach ([[], ['in' => 'query', 'unsigned_payload' => true]] as $more) {
            $shown = self::printed($try, (string) json_encode($more + $aws));
            self::assertStringStartsWith("PUT\n/b%28c\n", $shown);
            self::assertStringContainsString("x-amz-meta-a:1 2\n", $shown);
            self::assertStringContainsString($more === [] ? "x-amz-security-token:[secret]\n" : '&X-Amz-Security-Token=[secret]&', $shown);
            self::assertStringEndsWith(($more === [] ? hash('sha256', 'the body') : 'UNSIGNED-PAYLOAD') . "\n", $shown);
            // No digest of the token either, which the hash of the text that is signed would be.
            self::assertStringNotContainsString('AWS4-HMAC-SHA256\n', $shown);
            foreach ([self::SECRET, $token, rawurlencode($token), hash('sha256', $token)] as $secret) {
                self::assertStringNotContainsString($secret, $shown);
            }
        }
        unset($aws['session_token']);
        $role = ['exchange' => ['url' => 'https://a.example/sts', 'role_arn' => 'arn:aws:iam::123456789012:role/media']] + $aws;
        self::assertStringContainsString("x-amz-security-token:[secret]\n", self::printed($try, (string) json_encode($role)));
        $shown = self::printed($try, (string) json_encode(['in' => 'query', 'unsigned_payload' => true] + $role));
        self::assertStringContainsString('&X-Amz-Credential=[secret]%2F', $shown);
        self::assertStringContainsString('&X-Amz-Security-Token=[secret]&', $shown);
        $hmac = [
            'type' => 'hmac',
            'key' => self::SECRET . 'and more of it',
            'alg' => 'sha256',
            'template' => '{method}|{target}|{id}|{header:authorization}|{body}',
            'headers' => ['x-signature' => '{signature}'],
            'binding' => ['hosts' => ['a.example']],
        ];
        $shown = self::printed([...$try, '--id=order-7', '--header=Authorization: Bearer t'], (string) json_encode($hmac));
        self::assertSame("PUT|/b(c?x=y&a=1|order-7|[secret]|the body\n", $shown);
        self::assertSame([], glob($this->directory->path . '/vault/*'));
    }

    public function testTryRefusesWhatSignsNothingAndWhatCouldNotBeSealed(): void
    {
        $try = ['seal', '--try', 'GET', 'https://a.example/'];
        $faults = [
            '{"type":"bearer","token":"t"}' => 'One of type bearer signs no request: it is put into the request as it is.',
            '{"type":"hmac","key":"k"}' => 'The payload cannot be used: a payload of type hmac needs "alg"',
        ];
        foreach ($faults as $payload => $message) {
            $result = self::command($try, $payload);
            self::assertSame(64, $result['code'], $result['output']);
            self::assertStringContainsString($message, $result['output']);
        }
    }
}
