<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\DropIn;

use Netresearch\NrSecureOutbound\DropIn\CallRefused;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use PHPUnit\Framework\Attributes\Test;

/**
 * Calls with an OAuth token: by the library if id and secret of the client are one stored secret, otherwise by nr-vault's own
 * client.
 */
final class OAuthTest extends DropInTestCase
{
    private const TOKEN = 'tok-oauth-c4n4ry';

    #[Test]
    public function aClientThatIsOneSecretGetsItsTokenByTheLibrary(): void
    {
        self::dropIn('refuse');
        $this->service('oauth2_client_credentials', (string) json_encode([
            'type' => 'oauth2_client_credentials',
            'client_id' => 'me',
            'client_secret' => 's3cr3t',
            'token_url' => self::endpoint(),
        ]));

        $response = $this->oauth()->sendRequest(self::request());

        self::assertSame('Bearer ' . self::TOKEN, self::seenHeader($response, 'authorization'));
        $record = $this->rows(self::AUDIT)[0];
        self::assertSame(['rust-ffi', 1], [$record['transport'], $record['token_requests']]);
        self::assertSame(['oauth2:client'], array_column($this->vaultCalls(), 'secret_identifier'));
        self::assertSame(['OAuth2 API call'], array_column($this->vaultCalls(), 'reason'));
    }

    #[Test]
    public function whatTheLibraryCannotIsMadeByNrVaultWithinThePolicyOfTheService(): void
    {
        self::dropIn('refuse');
        $this->service('secret', 'client-secret');
        $this->storeSecret('client_secret', 's3cr3t');

        // nr-vault sends the token request with a client that does not trust the certificate authority of the tests.
        $failure = self::thrown(fn () => $this->oauth()->sendRequest(self::request()));
        self::assertNotInstanceOf(CallRefused::class, $failure);
        self::assertSame(2, $this->countRows(self::VAULT_AUDIT, ['action' => 'read']));
        $record = $this->rows(self::AUDIT)[0];
        self::assertSame(
            ['crm', 'nr-vault', 'failed', 'maybe', '["client","client_secret"]', self::class],
            [
                ...[$record['service_id'], $record['transport'], $record['outcome'], $record['sent'], $record['credentials']],
                self::callerOf($record),
            ],
        );

        $refusal = self::thrown(fn () => $this->oauth()->sendRequest(self::request('DELETE')));
        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame('policy.method_not_allowed', $refusal->failure()->errorCode());
        self::assertSame(['failed', 'refused'], array_column($this->rows(self::AUDIT), 'outcome'));
    }

    #[Test]
    public function withoutAServiceItIsAsTheSettingSays(): void
    {
        $this->storeSecret('client', 'me');
        $this->storeSecret('client_secret', 's3cr3t');
        self::dropIn('refuse');
        $refusal = self::thrown(fn () => $this->oauth()->sendRequest(self::request()));
        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame('policy.service_unknown', $refusal->failure()->errorCode());

        self::dropIn('origin');
        self::assertNotInstanceOf(CallRefused::class, self::thrown(fn () => $this->oauth()->sendRequest(self::request())));
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], []);
        $refusal = self::thrown(fn () => $this->oauth()->sendRequest(self::request()));
        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame('policy.service_not_enabled', $refusal->failure()->errorCode());
    }

    #[Test]
    public function aTokenEndpointBeyondTheCeilingIsRefused(): void
    {
        $this->storeSecret('client', 'me');
        $this->storeSecret('client_secret', 's3cr3t');
        self::dropIn('origin');
        self::setting(['SYS', 'nrVault', 'outbound', 'allowed_hosts'], [(string) parse_url(self::$upstream->url(), PHP_URL_HOST)
            . ':' . parse_url(self::$upstream->url(), PHP_URL_PORT)]);
        $client = $this->oauth('https://auth.example.com/token');

        $refusal = self::thrown(static fn () => $client->sendRequest(self::request()));

        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame('policy.host_not_allowed', $refusal->failure()->errorCode());
        self::assertSame(0, $this->countRows(self::VAULT_AUDIT, ['action' => 'read']));
    }

    private function service(string $type, string $secret): void
    {
        $fields = ['type' => $type] + ($type === 'secret' ? [] : ['placement' => '']);
        $set = $this->saveSet('crm-client', $this->storeSecret('client', $secret), $fields);
        $this->saveService('crm', ['base_url' => self::$upstream->url(), 'credential_sets' => (string) $set]);
    }

    private function oauth(?string $endpoint = null): VaultHttpClientInterface
    {
        return $this->http()->withOAuth(OAuthConfig::clientCredentials($endpoint ?? self::endpoint(), 'client', 'client_secret'));
    }

    private static function endpoint(): string
    {
        return self::$upstream->url() . '/token/' . rtrim(strtr(base64_encode(self::TOKEN), '+/', '-_'), '=');
    }
}
