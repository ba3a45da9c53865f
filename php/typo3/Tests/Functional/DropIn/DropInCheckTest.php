<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\DropIn;

use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrSecureOutbound\Doctor\DropInCheck;
use Netresearch\NrSecureOutbound\Vault\InstalledVault;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use PHPUnit\Framework\Attributes\Test;

/**
 * What the doctor finds about callers of nr-vault's HTTP client.
 */
final class DropInCheckTest extends DropInTestCase
{
    #[Test]
    public function aCallerWithoutAServiceIsNamed(): void
    {
        self::dropIn('origin');
        $this->serviceWithSecret('crm', 'tok-1');
        $this->storeSecret('other', 'tok-2');
        $this->http()->withAuthentication('crm_token')->sendRequest(self::request());
        $this->http()->withAuthentication('other')->sendRequest(self::request());
        $this->http()->withAuthentication('other')->sendRequest(self::request());

        $callers = $this->messages('dropin.caller');

        self::assertCount(1, $callers);
        self::assertStringContainsString(
            self::class . '::aCallerWithoutAServiceIsNamed calls localhost with the secret "other" (2 times in 14 days)',
            $callers[0],
        );
        self::assertSame([], $this->messages('dropin.refused'));
    }

    #[Test]
    public function aCallerThatIsRefusedForThatIsNamed(): void
    {
        self::dropIn('refuse');
        $this->storeSecret('other', 'tok-2');
        self::thrown(fn () => $this->http()->withAuthentication('other')->sendRequest(self::request()));

        self::assertSame([], $this->messages('dropin.caller'));
        $refused = $this->messages('dropin.refused');
        self::assertCount(1, $refused);
        self::assertStringContainsString('calls localhost with the secret "other" (1 times in 14 days), and is refused', $refused[0]);
    }

    #[Test]
    public function aCallerThatRequireBindingStopsIsNamed(): void
    {
        self::dropIn('refuse');
        $this->serviceWithSecret('crm', 'tok-1');
        self::setting(['SYS', 'nrVault', 'outbound', 'require_binding'], true);
        self::thrown(fn () => $this->http()->withAuthentication('crm_token')->sendRequest(self::request()));

        $stopped = $this->messages('dropin.binding');
        self::assertCount(1, $stopped);
        self::assertStringContainsString('with the secret "crm_token" of the service "crm"', $stopped[0]);

        self::setting(['SYS', 'nrVault', 'outbound', 'require_binding'], false);
        self::assertSame([], $this->messages('dropin.binding'));
    }

    #[Test]
    public function aTypedPayloadThatNrVaultsClientSendsIsCritical(): void
    {
        $this->saveSet('crm-set', $this->storeSecret('crm_token', '{"type": "bearer", "token": "t"}'), ['type' => 'bearer', 'placement' => '']);
        self::assertSame([], $this->messages('dropin.typed'));
        $this->http()->withAuthentication('crm_token')->withReason('to see')->sendRequest(self::request());

        $typed = $this->messages('dropin.typed');
        self::assertCount(1, $typed);
        self::assertStringContainsString('"crm_token" of the credential set "crm-set" is a document of the type bearer', $typed[0]);
        self::assertStringContainsString('(reason: to see)', $typed[0]);

        self::dropIn('refuse');
        self::assertSame([], $this->messages('dropin.typed'));
    }

    #[Test]
    public function whatNrVaultsClientIsHandedIsNamed(): void
    {
        self::dropIn('origin');
        $this->storeSecret('client', 'me');
        $this->storeSecret('client_secret', 's3cr3t');
        $config = OAuthConfig::clientCredentials(self::$upstream->url() . '/token/dG9r', 'client', 'client_secret');
        self::thrown(fn () => $this->http()->withOAuth($config)->sendRequest(self::request()));

        $handedOver = $this->messages('dropin.handed_over');
        self::assertCount(1, $handedOver);
        self::assertStringContainsString('calls localhost with the secret "client" and "client_secret"', $handedOver[0]);
        self::assertStringContainsString('(1 times in 14 days)', $handedOver[0]);

        // Of a service whose successes are sampled, a row stands for several calls.
        self::connections()->getConnectionForTable(self::AUDIT)->update(self::AUDIT, ['weight' => 40], ['uid' => 1]);
        self::assertStringContainsString('(40 times in 14 days)', $this->messages('dropin.handed_over')[0] ?? '');
    }

    #[Test]
    public function anHttpClientThatHasMovedIsCriticalWhereTheLibraryIsToStandForIt(): void
    {
        $check = new DropInCheck(new VaultState(new InstalledVault(), null, 'VaultHttpClientInterface::retry() is new'), self::connections());
        $codes = static fn (): array => array_map(static fn (Finding $finding): array => [$finding->code, $finding->verdict], $check->findings());

        self::assertSame([['dropin.setting', Finding::OK]], $codes());
        self::dropIn('origin');
        self::assertSame([['dropin.moved', Finding::CRITICAL]], $codes());
    }

    /**
     * The doctor's messages with this code.
     *
     * @return list<string>
     */
    private function messages(string $code): array
    {
        $findings = array_filter(
            $this->get(Doctor::class)->findings(),
            static fn (Finding $finding): bool => $finding->code === $code,
        );
        return array_values(array_map(static fn (Finding $finding): string => $finding->message, $findings));
    }
}
