<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Call;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Crypto\EncryptionService;
use Netresearch\NrVault\Crypto\EncryptionServiceInterface;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Service\VaultServiceInterface;
use PHPUnit\Framework\Attributes\Test;

/**
 * A call by the id of a service: the API receives the secret, PHP gets the response, and nr-vault and the audit log record the
 * call.
 */
final class CallTest extends CallTestCase
{
    private const TOKEN = 'tok-c4n4ry-5b1d';

    #[Test]
    public function theApiReceivesTheSecret(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN, ['headers' => 'Accept: application/json']);

        $response = $this->call('crm');

        self::assertSame(200, $response->statusCode());
        self::assertSame('Bearer ' . self::TOKEN, self::authorization($response));
        self::assertSame('rust-ffi', $response->audit()->record['transport']);
    }

    #[Test]
    public function theTransportInPhpDoesToo(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN, ['transport' => 'php']);

        $response = $this->call('crm');

        self::assertSame('Bearer ' . self::TOKEN, self::authorization($response));
        self::assertSame('php', $response->audit()->record['transport']);
    }

    #[Test]
    public function anSdkCallsThroughAPsr18Client(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN, ['placeholder_headers' => 'Authorization']);
        $client = $this->get(OutboundClientFactory::class)->forService('crm');

        $response = $client->sendRequest(new Request('GET', self::$upstream->url() . '/echo', ['Authorization' => 'Bearer none']));

        self::assertStringContainsString('Bearer ' . self::TOKEN, (string) $response->getBody());
    }

    #[Test]
    public function oneFetchIsOneReadOfNrVaults(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);

        for ($call = 1; $call <= 3; $call++) {
            $this->call('crm');
            self::assertSame($call, $this->countRows('tx_nrvault_audit_log', ['action' => 'read', 'success' => 1]));
            self::assertSame($call, $this->rows('tx_nrvault_secret')[0]['read_count']);
        }
        self::assertSame(['crm_token', 'crm_token', 'crm_token'], $this->listener()->secrets);
    }

    #[Test]
    public function aRefusedCallReadsNoSecret(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN, ['allowed_paths' => '/v1/echo']);

        self::assertSame('policy.method_not_allowed', self::failure(fn () => $this->call('crm', 'DELETE'))->errorCode());
        self::assertSame('policy.path_not_allowed', self::failure(fn () => $this->call('crm', 'GET', '/other'))->errorCode());

        self::assertSame(0, $this->countRows('tx_nrvault_audit_log', ['action' => 'read']));
        self::assertSame(0, $this->rows('tx_nrvault_secret')[0]['read_count']);
    }

    #[Test]
    public function besideNrVaultACallIsOneReadAndOneWrite(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        $this->serviceWithSecret('bank', self::TOKEN, ['audit' => 'required']);
        $this->call('crm');

        self::assertSame(['SELECT', 'INSERT'], $this->ownStatements('crm'));
        self::assertSame(['SELECT', 'INSERT', 'UPDATE'], $this->ownStatements('bank'));
    }

    #[Test]
    public function noOtherTableIsAsked(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        $this->call('crm');
        $read = $this->statementsOf(fn () => $this->get(VaultServiceInterface::class)->retrieve('crm_token'));
        self::assertNotSame([], $read);

        $call = $this->statementsOf(fn () => $this->call('crm'));

        self::assertSame(self::withoutValues($read), self::withoutValues(array_filter($call, static fn (string $sql): bool => !self::isOwn($sql))));
    }

    #[Test]
    public function aRequestThatCallsNobodyAsksNothing(): void
    {
        self::assertSame([], $this->statementsOf(fn () => $this->client()));
    }

    #[Test]
    public function everyCallIsAnEvent(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        $this->call('crm');
        self::failure(fn () => $this->call('crm', 'DELETE'));
        self::failure(fn () => $this->call('unknown'));

        $outcomes = [];
        foreach ($this->listener()->calls as $event) {
            $outcomes[] = $event->entry->outcome;
        }
        self::assertSame(['response', 'refused', 'refused'], $outcomes);
    }

    #[Test]
    public function theEndOfTheSecretChoosesTheHost(): void
    {
        // The suffix selects another base URL, as with DeepL's free keys: here another nginx on loopback.
        $alternative = ['alternatives' => ':fx ' . self::$upstream->url('1.1')];
        $this->serviceWithSecret('paid', 'key-c4n4ry', $alternative);
        $this->serviceWithSecret('free', 'key-c4n4ry:fx', $alternative);
        $port = static fn (string $url): ?int => parse_url($url, PHP_URL_PORT);

        self::assertSame($port(self::$upstream->url()), $this->call('paid')->audit()->record['port']);
        $response = $this->call('free');
        self::assertSame($port(self::$upstream->url('1.1')), $response->audit()->record['port']);
        self::assertSame('Bearer key-c4n4ry:fx', self::authorization($response));
    }

    #[Test]
    public function ofSoManySuccessesOneIsRecorded(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN, ['audit_sample' => 1_000_000]);
        $this->call('crm');
        self::failure(fn () => $this->call('crm', 'DELETE'));

        self::assertSame(['refused'], array_column($this->rows('tx_nrvault_outbound_audit'), 'outcome'));
        self::assertCount(2, $this->listener()->calls);
    }

    #[Test]
    public function aCallFromWithinTheReadOfASecretIsACallOfItsOwn(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        $this->serviceWithSecret('inner', 'tok-inner');
        $inner = null;
        $this->listener()->onSecret = function (string $identifier) use (&$inner): void {
            if ($identifier === 'crm_token') {
                $inner = self::authorization($this->call('inner'));
            }
        };

        self::assertSame('Bearer ' . self::TOKEN, self::authorization($this->call('crm')));
        self::assertSame('Bearer tok-inner', $inner);
    }

    #[Test]
    public function nrVaultsOwnServicesStayItsOwn(): void
    {
        self::assertInstanceOf(EncryptionService::class, $this->get(EncryptionServiceInterface::class));
        $this->serviceWithSecret('crm', self::TOKEN);
        $this->call('crm');

        self::assertSame(self::TOKEN, $this->get(\Netresearch\NrVault\Service\VaultServiceInterface::class)->retrieve('crm_token'));
    }

    #[Test]
    public function anInstallationCallsWhatItNames(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], ['other']);
        self::assertSame('policy.service_not_enabled', self::failure(fn () => $this->call('crm'))->errorCode());
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], []);
        self::assertSame('policy.service_not_enabled', self::failure(fn () => $this->call('crm'))->errorCode());
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], ['crm']);
        self::assertSame(200, $this->call('crm')->statusCode());

        self::assertSame(2, $this->countRows('tx_nrvault_outbound_audit', ['error_code' => 'policy.service_not_enabled']));
    }

    #[Test]
    public function aMisspeltSettingStopsEveryCall(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        self::setting(['SYS', 'nrVault', 'outbound', 'require_bindings'], true);

        $failure = self::failure(fn () => $this->call('crm'));

        self::assertSame('configuration.invalid', $failure->errorCode());
        self::assertStringContainsString('unknown key "require_bindings"', $failure->getMessage());
    }

    #[Test]
    public function theCeilingOfTheInstallationHoldsWhateverARowSays(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        self::setting(['SYS', 'nrVault', 'outbound', 'allowed_hosts'], ['api.example.com']);

        self::assertSame('policy.host_not_allowed', self::failure(fn () => $this->call('crm'))->errorCode());
    }

    #[Test]
    public function aSecretWithoutABindingIsRefusedWhereTheInstallationWantsOne(): void
    {
        $this->serviceWithSecret('crm', self::TOKEN);
        self::setting(['SYS', 'nrVault', 'outbound', 'require_binding'], true);

        self::assertSame('policy.binding_violated', self::failure(fn () => $this->call('crm'))->errorCode());
    }

    /**
     * The first word of each statement on the extension's tables, in their order.
     *
     * @return list<string>
     */
    private function ownStatements(string $service): array
    {
        $statements = $this->statementsOf(fn () => $this->call($service));
        $own = array_filter($statements, self::isOwn(...));
        return array_map(static fn (string $sql): string => substr($sql, 0, 6), array_values($own));
    }

    private static function isOwn(string $sql): bool
    {
        return preg_match('/tx_nrvault_(service|credential_set|outbound_audit)/', $sql) === 1;
    }

    /**
     * @param array<string> $statements
     * @return list<string>
     */
    private static function withoutValues(array $statements): array
    {
        return array_values((array) preg_replace("/'[^']*'|\\b\\d+\\b/", '?', $statements));
    }
}
