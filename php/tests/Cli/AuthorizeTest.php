<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Cli\Authorize\DeviceFlow;
use Netresearch\NrVault\Outbound\Cli\Authorize\Endpoint;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * What can happen between a URL or a code that is shown and the refresh token: this test is the browser, and the endpoints follow a script.
 */
final class AuthorizeTest extends AuthorizeTestCase
{
    private const GRANT = ['access_token' => 'a', 'token_type' => 'Bearer', 'refresh_token' => 'r3fresh-"\\-ü', 'expires_in' => 60];

    private const DEVICE = ['device_code' => 'd3vice', 'user_code' => 'WDJB-MJHT', 'verification_uri' => 'https://login.example/device', 'expires_in' => 30];

    private static TempDir $shared;
    private static FaultServer $server;
    private static Certificates $tls;
    private static string $origin;

    public static function setUpBeforeClass(): void
    {
        self::$shared = new TempDir('authorize');
        self::$tls = new Certificates(self::$shared);
        self::$server = new FaultServer(self::$shared);
        $tls = ['certificate' => self::$tls->certificate, 'key' => self::$tls->key, 'alpn' => ['http/1.1']];
        self::$origin = 'https://localhost:' . self::$server->listen('login', $tls);
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
        self::$shared->remove();
    }

    protected function setUp(): void
    {
        parent::setUp();
        $this->json('transport.json', self::config() + [
            'master_keys' => [['id' => 'k', 'provider' => 'file', 'path' => $this->keyFile()]],
        ]);
    }

    public function testTheCodeIsExchangedWithItsVerifier(): void
    {
        self::answers([200, self::GRANT + ['scope' => 'mail.read']]);
        $this->authorize(self::client(['scopes' => ['mail.read', 'mail.send']]), [self::asked() . '?tenant=a%20b', '--parameter=access_type=offline']);
        $url = $this->url();
        self::assertStringStartsWith(self::$origin . '/authorize?tenant=a%20b&', $url);
        parse_str((string) parse_url($url, PHP_URL_QUERY), $asked);
        self::assertSame(43, strlen($asked['state']));
        self::assertSame(
            ['code', 'cl:ient', 'mail.read mail.send', 'S256', 'offline'],
            [$asked['response_type'], $asked['client_id'], $asked['scope'], $asked['code_challenge_method'], $asked['access_type']],
        );
        self::assertMatchesRegularExpression('~\Ahttp://127\.0\.0\.1:[0-9]+/\z~', $asked['redirect_uri']);

        $page = self::visit($asked['redirect_uri'] . '?' . http_build_query(['code' => 'c0de+/&', 'state' => $asked['state'], 'iss' => self::$origin . '/x']));
        self::assertSame([200, 'The answer has arrived. The terminal says how it goes on; this window may be closed.'], $page);
        $envelope = $this->sealed();

        [$request] = self::$server->requests('login');
        self::assertSame('POST', $request->method);
        parse_str($request->body, $form);
        self::assertSame($asked['code_challenge'], rtrim(strtr(base64_encode(hash('sha256', $form['code_verifier'], true)), '+/', '-_'), '='));
        unset($form['code_verifier']);
        self::assertSame([
            'grant_type' => 'authorization_code', 'code' => 'c0de+/&', 'redirect_uri' => $asked['redirect_uri'],
            'client_id' => 'cl:ient', 'client_secret' => self::SECRET,
        ], $form);
        self::assertStringContainsString('warning: the consent does not have mail.send.', $this->process->log());
        self::assertStringContainsString('"status":200', $this->process->log(), 'the record');
        foreach ([self::GRANT['refresh_token'], 'r3fresh', 'c0de', $asked['code_challenge'] . '"'] as $secret) {
            self::assertStringNotContainsString($secret, $this->process->log());
        }
        // What was sealed is the payload with the token, as seal would have taken it.
        $payload = self::client(['scopes' => ['mail.read', 'mail.send']]) + ['refresh_token' => self::GRANT['refresh_token']];
        $opened = self::opened($envelope, (string) file_get_contents($this->directory->path . '/vault.key'));
        ksort($payload);
        ksort($opened);
        self::assertSame($payload, $opened);
    }

    public function testAnotherProgramMaySeal(): void
    {
        self::answers([200, self::GRANT]);
        $this->authorize(self::client(), [self::asked()], identifier: '--unsealed');
        parse_str((string) parse_url($this->url(), PHP_URL_QUERY), $asked);
        self::visit($asked['redirect_uri'] . '?code=c&state=' . $asked['state']);
        self::assertSame(0, $this->process->exitCode(), $this->process->log());
        self::assertSame(1, preg_match('/^\{"refresh_token".*$/m', $this->process->log(), $payload));
        $expected = ['refresh_token' => self::GRANT['refresh_token']] + self::client();
        self::assertSame($expected, json_decode($payload[0], true));
    }

    public function testThePortIsClosedBeforeTheExchange(): void
    {
        self::$server->answers('login', [['hold'], FaultServer::answer(200, [], (string) json_encode(self::GRANT))]);
        // The configuration is the network's here, and the key another one.
        $this->authorize(self::client(), [self::asked(), '--key-file=' . $this->directory->write('other.key', str_repeat('k', 32), 0400)]);
        parse_str((string) parse_url($this->url(), PHP_URL_QUERY), $asked);
        self::visit($asked['redirect_uri'] . '?code=c&state=' . $asked['state']);
        self::$server->wait('login', 'holding');
        self::assertTrue($this->process->isRunning());
        self::assertFalse(Port::isOpen((int) parse_url($asked['redirect_uri'], PHP_URL_PORT)), 'nothing listens any more');
        self::$server->release('login');
        self::assertSame(self::GRANT['refresh_token'], self::opened($this->sealed(), base64_encode(str_repeat('k', 32)))['refresh_token']);
    }

    /**
     * Whatever else comes to the port is refused, and the right one is still waited for.
     */
    public function testOthersAreRefusedAndNotWaitedFor(): void
    {
        self::answers([200, self::GRANT]);
        $this->authorize(self::client(), [self::asked()]);
        parse_str((string) parse_url($this->url(), PHP_URL_QUERY), $asked);
        [$uri, $right] = [$asked['redirect_uri'], 'code=c&state=' . $asked['state']];
        $address = 'tcp://' . parse_url($uri, PHP_URL_HOST) . ':' . parse_url($uri, PHP_URL_PORT);
        // A browser's connection in advance, on which nothing comes, and half a request.
        $idle = stream_socket_client($address);
        $half = stream_socket_client($address);
        fwrite($half, 'GET /?' . $right);

        self::assertSame(404, self::visit($uri . 'favicon.ico?' . $right)[0]);
        foreach (['code=c', 'code=c&state=', 'code=c&state=another', 'error=access_denied&state=another', "$right&code=d", "$right&state=x"] as $query) {
            self::assertSame(400, self::visit("$uri?$query")[0], $query);
        }
        self::assertSame(405, self::visit("$uri?$right", [CURLOPT_POST => true, CURLOPT_POSTFIELDS => ''])[0]);
        self::assertSame(400, self::visit("$uri?$right", [CURLOPT_HTTPHEADER => ['Host: evil.example']])[0]);
        self::assertSame([], self::$server->requests('login'), 'nothing was exchanged');
        self::assertTrue($this->process->isRunning());
        self::assertStringContainsString('The state is another one than was asked with', $this->process->log());

        self::assertSame(200, self::visit("$uri?$right")[0]);
        $this->sealed();
        self::assertCount(1, self::$server->requests('login'));
        self::assertFalse(@stream_socket_client($address), 'a second response finds nobody');
        fclose($idle);
        fclose($half);
    }

    /**
     * @return iterable<string, array{string, string, int, 2?: list<string>}>
     */
    public static function ends(): iterable
    {
        yield 'a refusal' => ['error=access_denied', 'oauth.consent_required: the authorization server refuses: access_denied'];
        yield 'an error' => [
            'error=invalid_scope&error_description=no+such%0Ascope%1B%5B2J',
            'oauth.token_endpoint_rejected: the authorization server refuses: invalid_scope: no such?scope?[2J',
        ];
        yield 'no code' => ['code=', 'oauth.token_response_invalid: the response of the endpoint is not acceptable: the authorization response has neither'];
        yield 'another issuer' => ['code=c&iss=https%3A%2F%2Fevil.example', 'names the issuer "https://evil.example", which is not the one'];
        yield 'another issuer of an error' => ['error=access_denied&iss=https%3A%2F%2Fevil.example', 'names the issuer "https://evil.example"'];
        yield 'another issuer than is named' => ['code=c&iss={origin}', 'names the issuer', ['--issuer={origin}/realm']];
        yield 'no issuer where one is named' => ['code=c', 'names no issuer', ['--issuer={origin}']];
    }

    /**
     * @dataProvider ends
     * @param list<string> $options
     */
    public function testNothingIsExchanged(string $query, string $said, array $options = []): void
    {
        self::answers([200, self::GRANT]);
        $there = static fn (string $text): string => str_replace('{origin}', self::$origin, $text);
        $this->authorize(self::client(), [self::asked(), ...array_map($there, $options)]);
        parse_str((string) parse_url($this->url(), PHP_URL_QUERY), $asked);
        self::assertSame(200, self::visit($asked['redirect_uri'] . '?' . $there($query) . '&state=' . $asked['state'])[0]);
        self::assertStringContainsString($said, $this->failed());
        self::assertSame([], self::$server->requests('login'));
    }

    public function testNobodyComes(): void
    {
        $this->authorize(self::client(), [self::asked(), '--wait=1']);
        parse_str((string) parse_url($this->url(), PHP_URL_QUERY), $asked);
        self::assertStringContainsString('oauth.consent_required: nobody has consented within 1 seconds', $this->failed());
        self::assertFalse(Port::isOpen((int) parse_url($asked['redirect_uri'], PHP_URL_PORT)));
    }

    public function testTheEndpointIsJudgedAsEveryOther(): void
    {
        $strict = self::config();
        unset($strict['internal_hosts']);
        $config = $this->json('strict.json', $strict + ['master_keys' => [['provider' => 'file', 'path' => $this->directory->path . '/vault.key']]]);
        self::answers([200, self::GRANT]);
        $this->authorize(self::client(), [self::asked()], $config);
        parse_str((string) parse_url($this->url(), PHP_URL_QUERY), $asked);
        self::visit($asked['redirect_uri'] . '?code=c&state=' . $asked['state']);
        self::assertMatchesRegularExpression('/^policy\.(address|port)_not_allowed: /m', $this->failed());
        self::assertSame([], self::$server->seen('login'));
    }

    /** It may run for as long as it likes, as a browser does. */
    public function testAProgramOpensTheUrlWhereOneIsNamed(): void
    {
        self::answers([200, self::GRANT]);
        $here = $this->directory->path;
        $program = "#!/bin/sh\nprintf '%s' \"\$1\" > $here/opened\nwhile [ ! -e $here/closed ] && [ -d $here ]; do sleep 0.05; done\n: > $here/over\n";
        $this->authorize(self::client(), [self::asked(), '--open=' . $this->directory->write('browser', $program, 0755)]);
        $url = $this->url();
        parse_str((string) parse_url($url, PHP_URL_QUERY), $asked);
        self::visit($asked['redirect_uri'] . '?code=c&state=' . $asked['state']);
        $this->sealed();
        Poll::until(static fn (): bool => @file_get_contents("$here/opened") === $url, 'the URL');
        self::assertFileDoesNotExist("$here/over");
        touch("$here/closed");
        Poll::until(static fn (): bool => is_file("$here/over"), 'the end of the program');

        $this->authorize(self::client(), [self::asked(), '--open=' . $here . '/none']);
        self::assertStringContainsString('--open: there is no such program.', $this->failed(64));
    }

    /**
     * @return iterable<string, array{array<string, mixed>, list<string>, string}>
     */
    public static function misuses(): iterable
    {
        yield 'a token already' => [['refresh_token' => 'r'], [], 'has a "refresh_token" already'];
        yield 'another type' => [['type' => 'oauth2_client_credentials'], [], '"type" is oauth2_refresh_token'];
        yield 'no binding' => [['binding' => null], [], 'binding'];
        yield 'an assertion' => [
            ['client_auth' => 'private_key_jwt', 'client_secret' => null, 'alg' => 'ES256', 'private_key' => '{p256}'],
            [],
            'authorize signs no assertion',
        ];
        yield 'the certificate of another' => [['client_auth' => 'tls_client_auth', 'client_secret' => null], [], 'no other credential'];
        yield 'both grants' => [[], ['--device-url={origin}/device'], 'One of these goes here'];
        yield 'a parameter of its own' => [[], ['--parameter=state=x'], 'state is not for it to say'];
        yield 'a redirect elsewhere' => [[], ['--redirect-uri=http://192.0.2.1/'], '--redirect-uri is http://127.0.0.1'];
        yield 'a redirect over TLS' => [[], ['--redirect-uri=https://127.0.0.1/'], '--redirect-uri is http://127.0.0.1'];
        yield 'a port that is in use' => [[], ['--redirect-uri=http://127.0.0.1:{port}/'], 'nothing can listen there'];
    }

    /**
     * @dataProvider misuses
     * @param array<string, mixed> $change
     * @param list<string> $options
     */
    public function testMisuseIsToldBeforeAnythingIsAsked(array $change, array $options, string $said): void
    {
        $key = (string) file_get_contents(dirname(Build::php()) . '/tests/vectors/keys/p256-sec1.pem');
        $client = array_filter($change + self::client(), static fn (mixed $value): bool => $value !== null);
        $client = array_map(static fn (mixed $value): mixed => $value === '{p256}' ? $key : $value, $client);
        $port = (string) parse_url(self::$origin, PHP_URL_PORT);
        $options = array_map(static fn (string $text): string => strtr($text, ['{origin}' => self::$origin, '{port}' => $port]), $options);
        $this->authorize($client, [self::asked(), ...$options]);
        self::assertStringContainsString($said, $this->failed(64));
        self::assertStringNotContainsString('Open this', $this->process->log());
    }

    public function testUrlsOfTheServerAreJudged(): void
    {
        $this->authorize(self::client(), ['--device-url=https://elsewhere.example/device']);
        self::assertStringContainsString('--device-url: ', $this->failed(64));
        $this->authorize(self::client(), ['--device-url=' . self::$origin . '/device', '--wait=1']);
        self::assertStringContainsString('--wait goes with --authorization-url', $this->failed(64));
        foreach (['http://login.example/', 'https://login.example/#x', 'login.example'] as $url) {
            $this->authorize(self::client(), ['--authorization-url=' . $url]);
            self::assertStringContainsString('--authorization-url', $this->failed(64));
        }
    }

    /**
     * @return iterable<string, array{list<array{int, array<string, mixed>}|list<mixed>>, list<int>, string|null}>
     */
    public static function polls(): iterable
    {
        $error = static fn (string $code): array => [400, ['error' => $code]];
        yield 'pending, too fast, pending' => [
            [[200, self::DEVICE + ['interval' => 2]], $error('authorization_pending'), $error('slow_down'), $error('authorization_pending'), [200, self::GRANT]],
            [2, 2, 7, 7],
            null,
        ];
        yield 'five seconds unless said' => [[[200, self::DEVICE], [200, self::GRANT]], [5], null];
        yield 'out of order for a time' => [
            [[200, self::DEVICE + ['interval' => 3]], [503, []], $error('authorization_pending'), [200, self::GRANT]],
            [3, 6, 6],
            null,
        ];
        yield 'expired there' => [[[200, self::DEVICE], $error('authorization_pending'), $error('expired_token')], [5, 5], 'nobody has consented before the code expired'];
        yield 'expired here' => [
            [[200, ['expires_in' => 12] + self::DEVICE], $error('authorization_pending'), $error('authorization_pending')],
            [5, 5],
            'nobody has consented before the code expired',
        ];
        yield 'refused' => [[[200, self::DEVICE], $error('access_denied')], [5], 'somebody has refused the consent'];
        yield 'another error' => [[[200, self::DEVICE], $error('invalid_grant')], [5], 'the token endpoint refuses: invalid_grant'];
        yield 'an error of its own' => [[[200, self::DEVICE], $error('s3cr3t')], [5], 'the token endpoint refuses'];
        yield 'no device authorization' => [[[400, ['error' => 'unauthorized_client']]], [], 'the device authorization endpoint refuses: unauthorized_client'];
        yield 'no code' => [[[200, ['user_code' => null] + self::DEVICE]], [], 'is missing, or of another form'];
        yield 'no URL' => [[[200, ['verification_uri' => "\e[2Jfile:///x"] + self::DEVICE]], [], 'is missing, or of another form'];
        yield 'no JSON' => [[[200, null]], [], 'it is no JSON object'];
    }

    /**
     * @dataProvider polls
     * @param list<array{int, array<string, mixed>|null}> $answers
     * @param list<int> $pauses seconds
     */
    public function testADeviceIsPolled(array $answers, array $pauses, ?string $said): void
    {
        self::answers(...$answers);
        $seen = $told = [];
        $flow = new DeviceFlow(
            self::$origin . '/device',
            self::$origin . '/token?a=b%20c',
            ['mail'],
            [['hint', 'x']],
            static function (string $line) use (&$told): void {
                $told[] = $line;
            },
            static function (int $seconds) use (&$seen): void {
                $seen[] = $seconds;
            },
        );
        $sink = new MemoryAuditSink();
        $endpoint = new Endpoint(
            new TransportFactory(self::config(), Build::library()),
            new ArrayCredentialProvider([]),
            $sink,
            [],
            [['client_id', new Secret('c')]],
        );
        $reason = null;
        try {
            self::assertSame(self::GRANT['refresh_token'], $flow->run($endpoint)->text('refresh_token'));
        } catch (OutboundException $failure) {
            $reason = $failure->reason();
        }
        $said === null ? self::assertNull($reason) : self::assertStringContainsString($said, (string) $reason);
        self::assertSame($pauses, $seen);
        $requests = self::$server->requests('login');
        self::assertCount(count($answers), $requests);
        self::assertCount(count($answers), $sink->entries());
        self::assertSame(['/device', 'scope=mail&hint=x&client_id=c'], [$requests[0]->target, $requests[0]->body]);
        if ($pauses !== []) {
            $grant = rawurlencode('urn:ietf:params:oauth:grant-type:device_code');
            self::assertSame(['/token?a=b%20c', "grant_type=$grant&device_code=d3vice&client_id=c"], [$requests[1]->target, $requests[1]->body]);
            $seconds = $answers[0][1]['expires_in'] ?? 0;
            self::assertSame(["Open https://login.example/device and enter the code WDJB-MJHT within $seconds seconds."], $told);
        }
    }

    /**
     * @return array<string, mixed>
     */
    private static function config(): array
    {
        return [
            'version' => 1,
            'internal_hosts' => [[
                'host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [(int) parse_url(self::$origin, PHP_URL_PORT)],
            ]],
            'tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority],
        ];
    }

    /**
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    private static function client(array $more = []): array
    {
        return [
            'type' => 'oauth2_refresh_token', 'client_id' => 'cl:ient', 'client_secret' => self::SECRET,
            'token_url' => self::$origin . '/token', 'binding' => ['hosts' => [substr(self::$origin, 8)]],
        ] + $more;
    }

    private static function asked(): string
    {
        return '--authorization-url=' . self::$origin . '/authorize';
    }

    /**
     * @param array{int, array<string, mixed>|null} ...$answers status and JSON
     */
    private static function answers(array ...$answers): void
    {
        self::$server->answers('login', ...array_map(
            static fn (array $answer): array => [FaultServer::answer(
                $answer[0],
                [['content-type', 'application/json']],
                $answer[1] === null ? '<html>' : (string) json_encode($answer[1]),
            )],
            $answers,
        ));
    }

    /**
     * @param array<int, mixed> $options
     * @return array{int, string} status and body
     */
    private static function visit(string $url, array $options = []): array
    {
        $browser = curl_init($url);
        curl_setopt_array($browser, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 60]);
        $body = curl_exec($browser);
        self::assertIsString($body, curl_error($browser));
        return [curl_getinfo($browser, CURLINFO_RESPONSE_CODE), rtrim($body)];
    }

    /**
     * @return array<string, mixed>
     */
    private static function opened(string $envelope, string $key): array
    {
        $form = json_decode((string) base64_decode(substr($envelope, 5), true), true);
        $open = static fn (string $text, string $nonce, string $with): string => (string) sodium_crypto_aead_xchacha20poly1305_ietf_decrypt(
            (string) base64_decode($form[$text], true),
            'mailbox',
            (string) base64_decode($form[$nonce], true),
            $with,
        );
        $dataKey = $open('encrypted_dek', 'dek_nonce', (string) base64_decode($key, true));
        return json_decode($open('encrypted_value', 'value_nonce', $dataKey), true);
    }
}
