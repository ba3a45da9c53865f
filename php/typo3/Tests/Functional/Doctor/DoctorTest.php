<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Doctor;

use Netresearch\NrSecureOutbound\Doctor\Check;
use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrSecureOutbound\Doctor\VaultCheck;
use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use Netresearch\NrSecureOutbound\Vault\InstalledVault;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use TYPO3\CMS\Core\Core\Environment;

/**
 * What the doctor finds in an installation.
 */
final class DoctorTest extends OutboundTestCase
{
    public static function setUpBeforeClass(): void
    {
        parent::setUpBeforeClass();
        putenv(LibraryLocator::ENVIRONMENT . '=' . Build::library());
    }

    #[Test]
    public function aSoundInstallationHasItsGatesToBeNamedAndNothingElse(): void
    {
        $this->saveService('crm', ['credential_sets' => (string) $this->saveSet('crm-token', $this->storeSecret('crm_token', 's3cr3t'))]);

        $findings = $this->findings();

        self::assertSame(['vault.gates'], $this->codes(Finding::WARNING, 'vault|settings|http|site|registry'));
        self::assertSame([], $this->codes(Finding::CRITICAL, 'vault|settings|http|site|registry|config|library'));
        $ok = $this->codes(Finding::OK);
        foreach (['vault.release', 'vault.secrets', 'settings.form', 'site.vault', 'registry.service', 'php.version', 'library.abi', 'config.open', 'config.keys'] as $code) {
            self::assertContains($code, $ok);
        }
        $parts = array_map(static fn (Finding $finding): string => (string) strtok($finding->code, '.'), $findings);
        self::assertSame(
            ['php', 'library', 'header', 'config', 'vault', 'settings', 'site', 'registry', 'dropin'],
            array_values(array_unique($parts)),
        );
        self::assertStringNotContainsString('s3cr3t', (string) json_encode($findings));
        self::assertStringNotContainsString('the-encryption-key', (string) json_encode($findings));
    }

    #[Test]
    public function aSecretThatAPageMayPrintIsCritical(): void
    {
        $this->saveSet('crm-token', $this->storeSecret('crm_token', 's3cr3t', ['frontendAccessible' => true]));

        self::assertSame(['vault.frontend_accessible'], $this->codes(Finding::CRITICAL, 'vault'));
        self::assertStringContainsString('"crm-token"', $this->message('vault.frontend_accessible'));
    }

    #[Test]
    public function aSecretThatExpiresIsNamedBefore(): void
    {
        $this->saveSet('gone', $this->storeSecret('gone_token', 'a', ['expiresAt' => time() - 60]));
        $this->saveSet('soon', $this->storeSecret('soon_token', 'b', ['expiresAt' => time() + 13 * 86400]));
        $this->saveSet('later', $this->storeSecret('later_token', 'c', ['expiresAt' => time() + 15 * 86400]));

        self::assertStringContainsString('"gone_token"', $this->message('vault.expired'));
        self::assertStringContainsString('"soon_token"', $this->message('vault.expires'));
        self::assertCount(1, array_keys($this->codes(Finding::WARNING), 'vault.expires', true));
    }

    #[Test]
    public function aSiteWithTheValueOfASecretIsCritical(): void
    {
        $directory = Environment::getConfigPath() . '/sites/main';
        mkdir($directory, recursive: true);
        file_put_contents("$directory/config.yaml", "base: /\n# token: '%vault(a)%'\n");
        self::assertSame([], $this->codes(Finding::CRITICAL, 'site'));

        file_put_contents("$directory/settings.yaml", "crm:\n  token: '%vault(crm_token)%'\n");

        self::assertSame(['site.vault'], $this->codes(Finding::CRITICAL, 'site'));
        self::assertStringContainsString('sites/main/settings.yaml', $this->message('site.vault'));

        unlink("$directory/settings.yaml");
        file_put_contents("$directory/config.yaml", "base: /\nerrorHandling: []\ncrm: { token: \"%vault(crm_token)%\" }\n");

        self::assertSame(['site.vault'], $this->codes(Finding::CRITICAL, 'site'));
        self::assertStringContainsString('sites/main/config.yaml', $this->message('site.vault'));
    }

    /**
     * @return array<string, array{array<string, mixed>, string, string}>
     */
    public static function settings(): array
    {
        $own = static fn (array $settings): array => ['SYS' => ['nrVault' => ['outbound' => $settings]]];
        return [
            'certificates are not checked' => [['HTTP' => ['verify' => false]], Finding::CRITICAL, 'http.verify'],
            'a key that there is not' => [$own(['service' => []]), Finding::CRITICAL, 'settings.form'],
            'the emergency stop' => [$own(['services' => []]), Finding::WARNING, 'settings.services'],
            'what is no service' => [$own(['services' => ['crm', 'cmr']]), Finding::WARNING, 'settings.services'],
            'a service that is off' => [$own(['services' => ['other']]), Finding::OK, 'settings.services'],
            'no host in common' => [
                ['HTTP' => ['allowed_hosts' => ['a.example']]] + $own(['allowed_hosts' => ['b.example']]),
                Finding::CRITICAL,
                'settings.hosts',
            ],
            'a host inside' => [['HTTP' => ['allowed_hosts' => ['10.1.2.3:8080']]], Finding::WARNING, 'http.allowed_hosts.internal'],
        ];
    }

    /**
     * @param array<string, array<string, mixed>> $settings
     */
    #[Test]
    #[DataProvider('settings')]
    public function aSettingIsNamed(array $settings, string $verdict, string $code): void
    {
        $this->saveService('crm');
        $this->saveService('other');
        $GLOBALS['TYPO3_CONF_VARS'] = array_replace_recursive((array) $GLOBALS['TYPO3_CONF_VARS'], $settings);

        self::assertContains($code, $this->codes($verdict));
    }

    #[Test]
    public function aHostInsideComesWithTheLineThatOpensItsAddress(): void
    {
        $GLOBALS['TYPO3_CONF_VARS'] = array_replace_recursive((array) $GLOBALS['TYPO3_CONF_VARS'], [
            'HTTP' => ['allowed_hosts' => ['10.1.2.3:8080', '[::1]', 'solr', 'api.example.com', '192.0.2.1', '8.8.8.8', '*.internal']],
        ]);
        $remedies = array_column(array_filter(
            $this->findings(),
            static fn (Finding $finding): bool => $finding->code === 'http.allowed_hosts.internal',
        ), 'remedy');

        self::assertCount(4, $remedies);
        self::assertStringEndsWith(
            "['internal_hosts'][] = ['host' => '10.1.2.3', 'networks' => ['10.1.2.3/32'], 'ports' => [8080]];",
            $remedies[0],
        );
        self::assertStringContainsString("['host' => '[::1]', 'networks' => ['::1/128'], 'ports' => [443]];", $remedies[1]);
        self::assertStringContainsString("'solr'", $remedies[2]);
    }

    #[Test]
    public function whatIsWrongWithARowIsCriticalAndItsOwnSwitchIsNot(): void
    {
        $this->saveService('off', ['hidden' => 1]);
        $this->saveService('crm', ['headers' => 'X-Api-Key: abc']);
        $this->saveService('plain', ['base_url' => 'http://api.example.com']);

        self::assertSame(['registry.entry', 'registry.unusable'], $this->codes(Finding::CRITICAL, 'registry'));
        self::assertStringContainsString('"crm" is disabled: headers has X-Api-Key', $this->message('registry.entry'));
        self::assertStringContainsString('"plain"', $this->message('registry.unusable'));
        self::assertStringContainsString('"off"', $this->message('registry.hidden'));
    }

    #[Test]
    public function anNrVaultThatHasMovedIsCritical(): void
    {
        $check = new VaultCheck(new VaultState(new InstalledVault(), 'Some::method() is new'), new InstalledVault());

        self::assertSame(Finding::CRITICAL, $check->findings()[0]->verdict);
        self::assertStringContainsString('Some::method() is new', $check->findings()[0]->message);
    }

    #[Test]
    public function whatCannotBeLookedAtTakesNothingElseWithIt(): void
    {
        $check = static fn (\Closure $do): Check => new class ($do) implements Check {
            public function __construct(private readonly \Closure $do)
            {
            }

            public function findings(): array
            {
                ($this->do)();
                return [Finding::ok('a.b', 'Looked at.')];
            }
        };

        $findings = (new Doctor([
            $check(static fn (): never => throw new \RuntimeException('s3cr3t')),
            $check(static fn (): null => null),
        ]))->findings();

        self::assertSame(['doctor.check', 'a.b'], array_column($findings, 'code'));
        self::assertStringContainsString('RuntimeException', $findings[0]->message);
        self::assertStringNotContainsString('s3cr3t', $findings[0]->message);
    }

    /**
     * @return list<Finding>
     */
    private function findings(): array
    {
        return $this->get(Doctor::class)->findings();
    }

    /**
     * @param string $parts beginnings of codes, as a pattern
     * @return list<string> codes of that verdict
     */
    private function codes(string $verdict, string $parts = '\w+'): array
    {
        $found = array_filter($this->findings(), static fn (Finding $finding): bool => $finding->verdict === $verdict
            && preg_match("/\\A($parts)\\./", $finding->code) === 1);
        return array_values(array_column($found, 'code'));
    }

    private function message(string $code): string
    {
        foreach ($this->findings() as $finding) {
            if ($finding->code === $code) {
                return $finding->message;
            }
        }
        self::fail("There is no finding $code.");
    }
}
