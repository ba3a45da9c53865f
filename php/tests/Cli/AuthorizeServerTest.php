<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Server\OidcProvider;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A consent at oidc-provider, from the URL or the code that is shown to calls with tokens that rotate.
 *
 * @group oidc-provider
 */
final class AuthorizeServerTest extends AuthorizeTestCase
{
    private static TempDir $shared;
    private static OidcProvider $server;

    public static function setUpBeforeClass(): void
    {
        self::$shared = new TempDir('oidc');
        self::$server = new OidcProvider(self::$shared);
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
        self::$shared->remove();
    }

    protected function setUp(): void
    {
        parent::setUp();
        mkdir($this->directory->path . '/refresh', 0700);
        $this->json('transport.json', self::$server->config() + [
            'master_keys' => [['id' => 'k', 'provider' => 'file', 'path' => $this->keyFile()]],
            'refresh_tokens' => ['directory' => $this->directory->path . '/refresh'],
        ]);
    }

    /**
     * @return iterable<string, array{array<string, mixed>, list<string>}>
     */
    public static function clients(): iterable
    {
        $keys = dirname(Build::php()) . '/tests/vectors/keys/';
        $certificate = [
            'client_auth' => 'self_signed_tls_client_auth',
            'private_key' => (string) file_get_contents($keys . 'p256-sec1.pem'),
            'certificate_chain' => (string) file_get_contents($keys . 'p256-self-signed.pem'),
        ];
        yield 'in the body' => [['client_id' => 'native', 'client_secret' => self::SECRET], []];
        yield 'by HTTP Basic' => [['client_id' => 'native:basic', 'client_secret' => self::SECRET, 'client_auth' => 'basic'], []];
        yield 'public' => [['client_id' => 'public', 'client_auth' => 'none'], []];
        yield 'by a certificate' => [['client_id' => 'native by itself'] + $certificate, []];
        if (Port::hasIpv6()) {
            yield 'over IPv6' => [['client_id' => 'public', 'client_auth' => 'none'], ['--redirect-uri=http://[::1]/back']];
        }
    }

    /**
     * @return iterable<string, array{array<string, mixed>}>
     */
    public static function clientsOfDevices(): iterable
    {
        foreach (self::clients() as $name => [$client]) {
            if (in_array($name, ['by HTTP Basic', 'public'], true)) {
                yield $name => [$client];
            }
        }
    }

    /**
     * @dataProvider clients
     * @param array<string, mixed> $client
     * @param list<string> $options
     */
    public function testACodeBecomesTokensThatRotate(array $client, array $options): void
    {
        $this->authorize(self::payload($client), [...self::code(), '--issuer=' . self::$server->url, ...$options]);
        $url = $this->url();
        self::assertStringContainsString('code_challenge_method=S256', $url);
        self::assertStringContainsString('The answer has arrived.', self::$server->open($url));
        $this->rotates($this->sealed(), (string) $client['client_id']);
        self::assertStringNotContainsString(rawurlencode(self::SECRET), $this->process->log());
    }

    /**
     * @dataProvider clientsOfDevices
     * @param array<string, mixed> $client
     */
    public function testADeviceCodeBecomesTokensThatRotate(array $client): void
    {
        $this->authorize(self::payload($client), ['--device-url=' . self::$server->url . '/device/auth', '--scope=openid', '--scope=offline_access']);
        $complete = $this->shown('~^With the code in it: (\S+)$~m');
        self::assertSame($this->shown('~enter the code (\S+) within 600 seconds~'), urldecode(explode('user_code=', $complete)[1]));
        self::assertStringContainsString('Sign-in Success', self::$server->enter($complete));
        $this->rotates($this->sealed(), (string) $client['client_id']);
    }

    public function testARefusedConsentSealsNothing(): void
    {
        $this->authorize(self::payload(['client_id' => 'native', 'client_secret' => self::SECRET]), [...self::code(), '--parameter=login_hint=refuses']);
        self::assertStringContainsString('The authorization server has refused.', self::$server->open($this->url()));
        self::assertStringContainsString(
            "oauth.consent_required: the authorization server refuses: access_denied: no, thanks\n",
            $this->failed(),
        );
    }

    public function testARefusedDeviceSealsNothing(): void
    {
        $options = ['--device-url=' . self::$server->url . '/device/auth', '--scope=openid', '--parameter=login_hint=refuses'];
        $this->authorize(self::payload(['client_id' => 'native', 'client_secret' => self::SECRET]), $options);
        self::$server->enter($this->shown('~^With the code in it: (\S+)$~m'));
        self::assertStringContainsString("oauth.consent_required: somebody has refused the consent\n", $this->failed());
    }

    public function testAWrongSecretIsTold(): void
    {
        $this->authorize(self::payload(['client_id' => 'native', 'client_secret' => 'wrong']), self::code());
        self::$server->open($this->url());
        self::assertStringContainsString('oauth.token_endpoint_rejected: the token endpoint refuses: invalid_client', $this->failed());
    }

    public function testNoOfflineAccessIsTold(): void
    {
        $this->authorize(
            self::payload(['client_id' => 'native', 'client_secret' => self::SECRET]),
            ['--authorization-url=' . self::$server->url . '/auth', '--scope=openid'],
        );
        self::$server->open($this->url());
        self::assertStringContainsString('it has no refresh_token: ask for offline access', $this->failed());
    }

    /**
     * @param array<string, mixed> $client
     * @return array<string, mixed>
     */
    private static function payload(array $client): array
    {
        return ['type' => 'oauth2_refresh_token'] + $client + [
            'token_url' => self::$server->url . '/token',
            'binding' => ['hosts' => [substr(self::$server->url, strlen('https://'))]],
        ];
    }

    /**
     * @return list<string>
     */
    private static function code(): array
    {
        return [
            '--authorization-url=' . self::$server->url . '/auth', '--scope=openid', '--scope=offline_access',
            '--parameter=prompt=consent',
        ];
    }

    /** A new master key may replace the old one when the doctor counts nothing more that the old one has sealed. */
    public function testTheDoctorCountsWhatAnOldKeyHasSealed(): void
    {
        $this->authorize(self::payload(['client_id' => 'public', 'client_auth' => 'none']), self::code());
        self::$server->open($this->url());
        $setup = $this->calls($this->sealed());
        self::printed(['send', 'api', 'GET', '/api', ...$setup]);
        self::assertSame([], $this->keysOfFiles());

        $config = json_decode((string) file_get_contents($this->directory->path . '/transport.json'), true);
        $next = $this->directory->write('next.key', base64_encode(random_bytes(32)), 0400);
        array_unshift($config['master_keys'], ['id' => 'next', 'provider' => 'file', 'path' => $next]);
        $this->json('transport.json', $config);
        [$finding] = $this->keysOfFiles();
        self::assertSame('warning', $finding['verdict']);
        self::assertStringContainsString('1 of the files in refresh_tokens.directory', $finding['message']);

        self::printed(['send', 'api', 'GET', '/api/revoke', ...$setup]);
        self::assertCount(1, $this->keysOfFiles(), 'it is sealed again with the next refresh');
        self::printed(['send', 'api', 'GET', '/api', ...$setup]);
        self::assertSame([], $this->keysOfFiles());
    }

    /**
     * What the doctor finds of files that an old key has sealed.
     *
     * @return list<array<string, string>>
     */
    private function keysOfFiles(): array
    {
        $config = '--config=' . $this->directory->path . '/transport.json';
        $report = json_decode(self::command(['doctor', '--no-fpm', '--format=json', $config])['output'], true);
        $isOfKeys = static fn (array $finding): bool => $finding['code'] === 'config.refresh_tokens.old_key';
        return array_values(array_filter($report['findings'], $isOfKeys));
    }

    /** Calls with the envelope: the first token, one after it was revoked, and another after that. */
    private function rotates(string $envelope, string $client): void
    {
        $setup = $this->calls($envelope);
        $kept = [];
        foreach (['/api', '/api/revoke', '/api', '/api/revoke', '/api'] as $path) {
            $output = self::printed(['send', 'api', 'GET', $path, ...$setup]);
            self::assertStringContainsString("\n$client: openid offline_access", $output);
            $files = glob($this->directory->path . '/refresh/*.refresh') ?: [];
            self::assertCount(1, $files);
            $kept[] = sha1_file($files[0]);
        }
        self::assertCount(3, array_unique($kept), 'three that differ: the first, and two after a token was revoked');
    }

    /**
     * @return list<string> the options of a call with the envelope
     */
    private function calls(string $envelope): array
    {
        mkdir($this->directory->path . '/vault');
        file_put_contents($this->directory->path . '/vault/mailbox', $envelope);
        return [
            '--config=' . $this->directory->path . '/transport.json',
            '--registry=' . $this->json('services.json', ['version' => 1, 'services' => ['api' => [
                'base_url' => self::$server->url,
                'policy' => ['allowed_methods' => ['GET']],
                'credentials' => [['identifier' => 'mailbox', 'type' => 'oauth2_refresh_token']],
            ]]]),
            '--credentials=' . $this->directory->path . '/vault',
        ];
    }
}
