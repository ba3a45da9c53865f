<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\DropIn;

use Netresearch\NrSecureOutbound\DropIn\CallRefused;
use Netresearch\NrSecureOutbound\DropIn\VaultClient;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Http\VaultHttpClient;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Outbound\Psr18\ServiceNetworkException;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use Psr\Http\Client\RequestExceptionInterface;

/**
 * The setting of the drop-in, the policy that applies to its calls, and methods that nr-vault's client has in later releases
 * only.
 */
final class DropInTest extends DropInTestCase
{
    private const TOKEN = 'tok-c4n4ry-7a';

    #[Test]
    public function theSwitchCountsAtOnceAndIsOffWithoutASetting(): void
    {
        self::assertInstanceOf(VaultHttpClient::class, $this->http());
        self::dropIn('refuse');
        self::assertInstanceOf(VaultClient::class, $this->http());
        self::dropIn('origin');
        self::assertInstanceOf(VaultClient::class, $this->http());
        self::assertInstanceOf(VaultClient::class, $this->get(VaultHttpClientInterface::class));
        self::dropIn('off');
        self::assertInstanceOf(VaultHttpClient::class, $this->http());
    }

    #[Test]
    public function aMisspeltSettingIsNoReasonToGoWithoutTheLibrary(): void
    {
        $this->storeSecret('crm_token', self::TOKEN);
        self::dropIn('orign');

        $refusal = self::thrown(fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()));

        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame('configuration.invalid', $refusal->failure()->errorCode());
        self::assertStringContainsString('"off", "refuse" or "origin"', $refusal->getMessage());
    }

    #[Test]
    public function aServiceGivesItsPolicy(): void
    {
        self::dropIn('refuse');
        $this->serviceWithSecret('crm', self::TOKEN, ['allowed_methods' => 'GET', 'headers' => 'X-Default: yes']);
        $client = $this->http()->withAuthentication('crm_token');

        $response = $client->sendRequest(self::request());

        self::assertSame('Bearer ' . self::TOKEN, self::seenHeader($response, 'authorization'));
        self::assertSame('yes', self::seenHeader($response, 'x-default'));
        self::assertSame('policy.method_not_allowed', $this->code(fn () => $client->sendRequest(self::request('DELETE'))));
        self::assertSame(['crm', 'crm'], array_column($this->rows(self::AUDIT), 'service_id'));
        self::assertSame([1, 0], array_column($this->vaultCalls(), 'success'));
    }

    #[Test]
    public function aServiceGivesItsTransportAndItsAudit(): void
    {
        self::dropIn('refuse');
        $this->serviceWithSecret('crm', self::TOKEN, ['transport' => 'php', 'audit' => 'required']);
        $statements = $this->statementsOf(
            fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()),
        );

        self::assertSame('php', $this->rows(self::AUDIT)[0]['transport']);
        $own = array_filter($statements, static fn (string $sql): bool
            => preg_match('/tx_nrvault_(service|credential_set|outbound_audit)/', $sql) === 1);
        self::assertSame(
            ['SELECT', 'INSERT', 'UPDATE'],
            array_values(array_map(static fn (string $sql): string => substr($sql, 0, 6), $own)),
        );
    }

    #[Test]
    public function withoutAServiceItIsRefusedAndRecordedWithWhatAServiceWouldHaveToBe(): void
    {
        self::dropIn('refuse');
        $this->serviceWithSecret('crm', self::TOKEN);
        $this->storeSecret('other_token', self::TOKEN);
        $calls = [
            'another secret' => fn () => $this->http()->withAuthentication('other_token')->sendRequest(self::request()),
            'another place' => fn () => $this->http()->withAuthentication('crm_token', SecretPlacement::ApiKey)->sendRequest(self::request()),
            'no secret' => fn () => $this->http()->sendRequest(self::request()),
            'another path' => fn () => $this->http()->withAuthentication('crm_token')
                ->sendRequest(self::request(url: str_replace('/v1', '/v10', self::$upstream->url()) . '/echo')),
            'another port' => fn () => $this->http()->withAuthentication('crm_token')
                ->sendRequest(self::request(url: self::$upstream->url('1.1') . '/echo')),
        ];

        foreach ($calls as $name => $call) {
            $refusal = self::thrown($call);
            self::assertInstanceOf(VaultException::class, $refusal, $name);
            self::assertInstanceOf(RequestExceptionInterface::class, $refusal);
            self::assertInstanceOf(CallRefused::class, $refusal);
            self::assertSame('policy.service_unknown', $refusal->failure()->errorCode(), $name);
        }
        $records = $this->rows(self::AUDIT);
        self::assertSame(array_fill(0, 5, 'nr-vault-http'), array_column($records, 'service_id'));
        self::assertSame(['["other_token"]', 'localhost', 'refused', self::class], [
            $records[0]['credentials'],
            $records[0]['host'],
            $records[0]['outcome'],
            self::callerOf($records[0]),
        ]);
        self::assertSame(array_fill(0, 5, 0), array_column($this->vaultCalls(), 'success'));
        self::assertSame(0, $this->countRows(self::VAULT_AUDIT, ['action' => 'read']));
    }

    #[Test]
    public function aServiceThatIsOffIsNotCalledWithoutIt(): void
    {
        self::dropIn('origin');
        $uid = $this->serviceWithSecret('crm', self::TOKEN);
        $this->change(self::SERVICE, $uid, ['hidden' => 1]);

        self::assertSame('policy.service_disabled', $this->code(
            fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()),
        ));
    }

    #[Test]
    public function aServiceWhoseIdAnotherRowHasIsOffWhereverThatOneGoes(): void
    {
        self::dropIn('origin');
        $this->serviceWithSecret('crm', self::TOKEN, [
            'base_url' => str_replace('https://localhost', 'https://LocalHost', self::$upstream->url()),
        ]);
        self::assertSame(200, $this->http()->withAuthentication('crm_token')->sendRequest(self::request())->getStatusCode());
        self::assertSame(['crm'], array_column($this->rows(self::AUDIT), 'service_id'));

        $other = $this->saveService('other', ['base_url' => 'https://api.example.com']);
        self::connections()->getConnectionForTable(self::SERVICE)->update(self::SERVICE, ['identifier' => 'crm'], ['uid' => $other]);

        self::assertSame('policy.service_disabled', $this->code(
            fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()),
        ));
    }

    #[Test]
    public function theServiceThatSaysMostAboutThePathCounts(): void
    {
        self::dropIn('refuse');
        $this->serviceWithSecret('wide', self::TOKEN, ['base_url' => substr(self::$upstream->url(), 0, -3)]);
        $set = $this->rows(self::SET)[0]['uid'];
        $this->saveService('narrow', ['base_url' => self::$upstream->url(), 'credential_sets' => (string) (is_int($set) ? $set : 0)]);

        $this->http()->withAuthentication('wide_token')->sendRequest(self::request());
        $this->http()->withAuthentication('wide_token')->sendRequest(
            self::request(url: substr(self::$upstream->url(), 0, -3) . '/v2/echo'),
        );

        self::assertSame(['narrow', 'wide'], array_column($this->rows(self::AUDIT), 'service_id'));
    }

    /**
     * @return array<string, array{string, string, array<string, string>, SecretPlacement, array<string, string>}>
     */
    public static function typedSets(): array
    {
        $bearer = '{"type": "bearer", "token": "tok-typed"}';
        $key = '{"type": "api_key", "key": "tok-typed", "header": "X-Own"}';
        return [
            'bearer' => ['bearer', $bearer, ['authorization' => 'Bearer tok-typed'], SecretPlacement::Bearer, []],
            'api_key' => ['api_key', $key, ['x-own' => 'tok-typed'], SecretPlacement::Header, ['headerName' => 'x-own']],
            'basic' => [
                'basic',
                '{"type": "basic", "username": "u", "password": "p"}',
                ['authorization' => 'Basic dTpw'],
                SecretPlacement::BasicAuth,
                [],
            ],
        ];
    }

    /**
     * @param array<string, string> $headers that the API has to receive
     * @param array<string, string> $options
     */
    #[Test]
    #[DataProvider('typedSets')]
    public function aTypedSecretGoesWhereItsSealSays(
        string $type,
        string $payload,
        array $headers,
        SecretPlacement $placement,
        array $options,
    ): void {
        self::dropIn('refuse');
        $set = $this->saveSet('crm-set', $this->storeSecret('crm_token', $payload), ['type' => $type, 'placement' => '']);
        $this->saveService('crm', ['base_url' => self::$upstream->url(), 'credential_sets' => (string) $set]);

        $response = $this->http()->withAuthentication('crm_token', $placement, $options)->sendRequest(self::request());

        foreach ($headers as $name => $value) {
            self::assertSame($value, self::seenHeader($response, $name));
        }
    }

    #[Test]
    public function withoutAServiceATypedSecretIsSentNowhere(): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', '{"type": "bearer", "token": "tok-typed"}');

        self::assertSame('credential.payload_invalid', $this->code(
            fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()),
        ));
    }

    #[Test]
    public function thePrefixOfAHeaderIsTheCallers(): void
    {
        self::dropIn('origin');
        $this->storeSecret('fal_key', self::TOKEN);
        $options = ['headerName' => 'Authorization', 'prefix' => 'Key '];

        $response = $this->http()->withAuthentication('fal_key', SecretPlacement::Header, $options)->sendRequest(self::request());

        self::assertSame('Key ' . self::TOKEN, self::seenHeader($response, 'authorization'));
    }

    /**
     * @return array<string, array{string, int}>
     */
    public static function bodies(): array
    {
        return [
            'a list' => ['[1]', 1735858524],
            'an empty list' => ['[]', 1735858524],
            'a text' => ['"a"', 1735858524],
            'members that are numbers from 0' => ['{"0": 1}', 1735858524],
            'what is cut off' => ['{"a": 1', 1781076764],
        ];
    }

    #[Test]
    #[DataProvider('bodies')]
    public function aBodyThatIsNoObjectTakesNoSecret(string $body, int $code): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', self::TOKEN);
        $client = $this->http()->withAuthentication('crm_token', SecretPlacement::BodyField);

        $refusal = self::thrown(static fn () => $client->sendRequest(
            self::request('POST', headers: ['Content-Type' => 'application/json'], body: $body),
        ));

        self::assertInstanceOf(VaultException::class, $refusal);
        self::assertSame($code, $refusal->getCode());
        self::assertSame(0, $this->countRows(self::VAULT_AUDIT, ['action' => 'read']));
        self::assertCount(1, $this->rows(self::AUDIT));
    }

    #[Test]
    public function whatIsBeyondTheCeilingIsRefusedBeforeASecretIsRead(): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', self::TOKEN);
        self::setting(['HTTP', 'allowed_hosts'], ['api.example.com']);

        $refusal = self::thrown(fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()));

        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame([1735858522, 'policy.host_not_allowed'], [$refusal->getCode(), $refusal->failure()->errorCode()]);
        self::assertSame(0, $this->countRows(self::VAULT_AUDIT, ['action' => 'read']));
        self::assertSame([0], array_column($this->vaultCalls(), 'success'));
    }

    #[Test]
    public function anAddressThatIsNotPublicIsRefused(): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', self::TOKEN);
        self::setting(['SYS', 'nrVault', 'outbound', 'internal_hosts'], []);

        $refusal = self::thrown(fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()));

        self::assertInstanceOf(CallRefused::class, $refusal);
        self::assertSame([1735858522, 'policy.address_not_allowed'], [$refusal->getCode(), $refusal->failure()->errorCode()]);
        self::assertSame([0], array_column($this->vaultCalls(), 'success'));
    }

    #[Test]
    public function theEmergencyStopStopsThemToo(): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', self::TOKEN);
        $call = fn (): string => $this->code(fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()));
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], []);
        self::assertSame('policy.service_not_enabled', $call());
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], ['nr-vault-http']);
        self::assertSame(200, $this->http()->withAuthentication('crm_token')->sendRequest(self::request())->getStatusCode());
    }

    #[Test]
    public function aTimeoutIsTheCallersAndEndsACall(): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', self::TOKEN);
        $client = $this->http()->withAuthentication('crm_token');
        self::assertInstanceOf(VaultClient::class, $client);

        $failure = self::thrown(static fn () => $client->withTimeout(1)->sendRequest(self::request(path: '/silent')));

        self::assertInstanceOf(ServiceNetworkException::class, $failure);
        self::assertSame('timeout.total', $failure->failure()->errorCode());
        // A value that is not above 0 selects the default time limit.
        self::assertSame(200, $client->withTimeout(1)->withTimeout(-1)->sendRequest(self::request())->getStatusCode());
        $record = $this->vaultCalls()[0];
        self::assertSame([0, 'crm_token'], [$record['success'], $record['secret_identifier']]);
        self::assertIsString($record['error_message']);
        self::assertStringContainsString('timeout.total', $record['error_message']);
    }

    #[Test]
    public function oneReadOfOneCallIsOneReadOfNrVaults(): void
    {
        self::dropIn('origin');
        $this->storeSecret('crm_token', self::TOKEN);
        $this->storeSecret('crm_user', 'user');
        $options = ['usernameSecret' => 'crm_user'];
        $this->http()->withAuthentication('crm_token', SecretPlacement::BasicAuth, $options)->sendRequest(self::request());

        self::assertSame(['crm_token', 'crm_user'], $this->listener()->secrets);
        self::assertSame([1, 1], array_column($this->rows('tx_nrvault_secret'), 'read_count'));
    }

    #[Test]
    public function noServiceMayHaveTheIdOfCallsWithoutOne(): void
    {
        $this->saveService('nr-vault-http');
        $failure = self::failure(fn () => $this->call('nr-vault-http'));

        self::assertSame('policy.service_disabled', $failure->errorCode());
        self::assertStringContainsString('is reserved', $failure->getMessage());
    }

    /**
     * The code that the library has for it.
     *
     * @param \Closure(): mixed $call
     */
    private function code(\Closure $call): string
    {
        $refusal = self::thrown($call);
        self::assertInstanceOf(CallRefused::class, $refusal);
        return $refusal->failure()->errorCode();
    }
}
