<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Migration;

use Netresearch\NrLlm\Domain\Model\Provider;
use Netresearch\NrLlm\Provider\ProviderAdapterRegistry;
use Netresearch\NrSecureOutbound\Command\MigrateNrLlmCommand;
use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Tests\Functional\Backend\RefusingHook;
use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Service\VaultServiceInterface;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use Symfony\Component\Console\Tester\CommandTester;

/**
 * The migration of the keys of nr-llm's providers into nr-vault.
 */
final class NrLlmMigrationTest extends CallTestCase
{
    private const TABLE = 'tx_nrllm_provider';
    private const STORED = '01937b6e-4b6c-7abc-8def-0123456789ab';
    private const PLAIN = 'sk-plain-c4n4ry';
    private const ENCRYPTED = 'sk-enc-c4n4ry';

    protected array $testExtensionsToLoad = [
        'netresearch/nr-vault',
        'netresearch/nr-llm',
        'netresearch/nr-secure-outbound',
        'netresearch/nr-secure-outbound-calling',
    ];

    #[Test]
    public function itIsShownFirstAndChangesNothing(): void
    {
        $this->provider('plain', self::PLAIN);
        $this->provider('early', self::encrypted(self::ENCRYPTED));
        $this->provider('local', '', 'ollama');
        $before = $this->rows(self::TABLE);

        [$code, $output] = $this->migrate();

        self::assertSame(0, $code);
        self::assertStringContainsString("plain, uid 1, openai: to do\n  - store its plain key as the secret \"", $output);
        self::assertStringContainsString('  - store its key that nr-llm has encrypted as the secret "', $output);
        self::assertStringContainsString('  - write the service "nr-llm.plain" for ' . self::$upstream->url(), $output);
        self::assertStringContainsString("local, uid 3, ollama: left alone\n    has no key", $output);
        self::assertStringContainsString('Nothing was changed. With --write this is done.', $output);
        self::assertStringNotContainsString('c4n4ry', $output);
        self::assertSame($before, $this->rows(self::TABLE));
        self::assertSame([0, 0, 0], [$this->countRows('tx_nrvault_secret'), $this->countRows(self::SET), $this->countRows(self::SERVICE)]);
    }

    #[Test]
    public function eachKindOfKeyIsUsedByTheLibraryAfterwards(): void
    {
        $this->storeSecret(self::STORED, 'sk-stored-c4n4ry');
        $this->provider('plain', self::PLAIN);
        $this->provider('early', self::encrypted(self::ENCRYPTED), 'anthropic');
        $this->provider('stored', self::STORED, 'gemini');

        [$code, $output] = $this->migrate('--write', '--group=1');

        self::assertSame(0, $code, $output);
        self::assertSame(3, substr_count($output, ': done'));
        self::assertStringContainsString('its adapter in nr-llm 0.7.0 also reads the key itself', $output);
        [$plain, $early, $stored] = array_map(static fn (array $row): string => Cell::text($row, 'api_key'), $this->rows(self::TABLE));
        $vault = $this->get(VaultServiceInterface::class);
        self::assertSame([self::PLAIN, self::ENCRYPTED], [$vault->retrieve($plain), $vault->retrieve($early)]);
        self::assertSame(self::STORED, $stored);
        self::assertSame([['secret', 'bearer', ''], ['secret', 'header', 'x-api-key'], ['secret', 'bearer', '']], array_map(
            static fn (array $row): array => [$row['type'], $row['placement'], $row['placement_name']],
            $this->rows(self::SET),
        ));
        self::assertSame('1', (string) Cell::integer($this->rows('tx_nrvault_secret', ['identifier' => $plain])[0], 'allowed_groups'));

        self::setting(['SYS', 'nrVault', 'outbound', 'drop_in'], 'refuse');
        self::assertStringContainsString('Bearer ' . self::PLAIN, $this->chat('openai', $plain));
        self::assertStringContainsString('"x-api-key":"' . self::ENCRYPTED, $this->chat('anthropic', $early));
        self::assertSame(['nr-llm.plain', 'nr-llm.early'], array_column($this->rows('tx_nrvault_outbound_audit'), 'service_id'));

        [$code, $output] = $this->migrate('--write');
        self::assertSame([0, 3], [$code, substr_count($output, ': in order')], $output);
        self::assertSame([3, 3, 3], [$this->countRows('tx_nrvault_secret'), $this->countRows(self::SET), $this->countRows(self::SERVICE)]);
    }

    #[Test]
    public function aKeyStaysUntilTheLibraryHasOpenedTheNewSecret(): void
    {
        $this->provider('plain', self::PLAIN);
        self::setting(['SYS', 'nrVault', 'outbound', 'require_binding'], true);

        [$code, $output] = $this->migrate('--write');

        self::assertSame(1, $code);
        self::assertStringContainsString('failed: the secret was not opened: ', $output);
        self::assertStringContainsString('[policy.binding_violated]', $output);
        self::assertSame(self::PLAIN, $this->rows(self::TABLE)[0]['api_key']);
        self::assertStringNotContainsString('c4n4ry', $output);
    }

    /**
     * What makes a step of the migration fail, the message that names it, and what removes it.
     *
     * @return array<string, array{\Closure(self): void, string, \Closure(self): void}>
     */
    public static function failures(): array
    {
        $vaultKey = static fn (self $test): string => $test->instancePath . '/master.key';
        return [
            'nr-vault has no master key' => [
                static fn (self $test) => self::setting(['EXTENSIONS', 'nr_vault'], [
                    'masterKeyProvider' => 'file',
                    'masterKeySource' => $vaultKey($test),
                ]),
                'nr-vault could not store the key: ',
                static fn (self $test) => file_put_contents($vaultKey($test), random_bytes(32)),
            ],
            'TYPO3 stores no service' => [
                static fn (self $test) => self::refuseServices(true),
                'the service could not be written: TYPO3 has stored no record',
                static fn (self $test) => self::refuseServices(false),
            ],
            'the secret is not bound to hosts' => [
                static fn (self $test) => self::setting(['SYS', 'nrVault', 'outbound', 'require_binding'], true),
                'the secret was not opened: the credentials of the request cannot be used [policy.binding_violated]',
                static fn (self $test) => $test->get(VaultServiceInterface::class)->rotate(
                    Cell::text($test->rows('tx_nrvault_secret')[0], 'identifier'),
                    (string) json_encode(self::bound()),
                ),
            ],
        ];
    }

    /**
     * @param \Closure(self): void $hinder
     * @param \Closure(self): void $mend
     */
    #[Test]
    #[DataProvider('failures')]
    public function aKeyStaysWhereAStepFailsAndIsReplacedByALaterRun(\Closure $hinder, string $message, \Closure $mend): void
    {
        $this->provider('plain', self::PLAIN);
        $hinder($this);

        [$code, $output] = $this->migrate('--write', '--group=1');

        self::assertSame(1, $code, $output);
        self::assertStringContainsString($message, $output);
        self::assertStringNotContainsString('c4n4ry', $output);
        self::assertSame(self::PLAIN, $this->rows(self::TABLE)[0]['api_key']);
        $mend($this);
        $this->assertMigrated();
    }

    #[Test]
    public function aKeyStaysWhereTheLibraryDoesNotOpenWhatNrVaultGives(): void
    {
        $this->provider('plain', self::PLAIN);
        self::refuseServices(true);
        $this->migrate('--write');
        self::refuseServices(false);
        $secret = $this->rows('tx_nrvault_secret')[0];

        $changes = [
            'credential.expired' => ['expires_at' => 1],
            'credential.authentication_failed' => ['encrypted_value' => base64_encode(random_bytes(64))],
            'credential.access_denied' => ['owner_uid' => self::OTHER],
        ];
        foreach ($changes as $failure => $changed) {
            $this->changeSecret($changed);
            $this->logIn($failure === 'credential.access_denied' ? self::EDITOR : self::ADMIN);

            [$code, $output] = $this->migrate('--write');

            self::assertSame(1, $code, $output);
            self::assertStringContainsString("[$failure]", $output);
            self::assertSame(self::PLAIN, $this->rows(self::TABLE)[0]['api_key']);
            $this->logIn(self::ADMIN);
            $this->changeSecret(array_intersect_key($secret, $changed));
        }
        $this->assertMigrated();
    }

    #[Test]
    public function aKeyThatSomebodyChangesMeanwhileStays(): void
    {
        $this->provider('plain', self::PLAIN);
        $this->listener()->onSecret = static fn (): int => self::connections()->getConnectionForTable(self::TABLE)
            ->update(self::TABLE, ['api_key' => 'sk-newer'], ['uid' => 1]);

        [$code, $output] = $this->migrate('--write');

        self::assertSame(1, $code);
        self::assertStringContainsString('somebody has changed the provider meanwhile', $output);
        self::assertSame('sk-newer', $this->rows(self::TABLE)[0]['api_key']);
    }

    #[Test]
    public function aRunThatWasInterruptedGoesOnWithWhatItHasStored(): void
    {
        $this->provider('plain', self::PLAIN);
        $this->migrate('--write');
        $identifier = Cell::text($this->rows(self::TABLE)[0], 'api_key');
        // The state of a run that was interrupted before it stored the service and changed the record of the provider.
        $connections = self::connections();
        $connections->getConnectionForTable(self::TABLE)->update(self::TABLE, ['api_key' => self::PLAIN], ['uid' => 1]);
        $connections->getConnectionForTable(self::SERVICE)->update(self::SERVICE, ['deleted' => 1], ['uid' => 1]);

        [$code, $output] = $this->migrate('--write');

        self::assertSame(0, $code, $output);
        self::assertStringNotContainsString('store its plain key', $output);
        self::assertSame($identifier, $this->rows(self::TABLE)[0]['api_key']);
        self::assertSame([1, 1, 2], [$this->countRows('tx_nrvault_secret'), $this->countRows(self::SET), $this->countRows(self::SERVICE)]);
    }

    #[Test]
    public function whatCannotBeMigratedIsNamedAndLeftAlone(): void
    {
        $this->provider('foreign', self::encrypted('sk', 'another encryptionKey'));
        $this->provider('gone', self::STORED);
        $this->provider('taken', self::PLAIN);
        $this->provider('nowhere', self::PLAIN, 'custom', '');
        $this->provider('deleted', self::PLAIN, fields: ['deleted' => 1]);
        $this->saveService('nr-llm.taken', ['base_url' => 'https://api.example.com']);
        self::setting(['EXTENSIONS', 'nr_llm'], ['translators' => ['deepl' => ['apiKey' => 'deepl-c4n4ry:fx', 'timeout' => 30]]]);
        $before = $this->rows(self::TABLE);

        [$code, $output] = $this->migrate('--write');

        self::assertSame(0, $code);
        self::assertStringContainsString("foreign, uid 1, openai: left alone\n    has a key that this encryptionKey does not open", $output);
        self::assertStringContainsString('names the secret "' . self::STORED . '", which nr-vault does not have', $output);
        self::assertStringContainsString('has a service "nr-llm.taken" with another base URL', $output);
        self::assertStringContainsString("nowhere, uid 4, custom: left alone\n    has no endpoint", $output);
        self::assertStringContainsString('Deleted providers that still have a key of their own: 1.', $output);
        self::assertStringContainsString('The setting translators.deepl.apiKey of nr-llm is a key', $output);
        self::assertStringNotContainsString('c4n4ry', $output);
        self::assertSame($before, $this->rows(self::TABLE));
        self::assertSame(0, $this->countRows('tx_nrvault_secret'));
    }

    #[Test]
    public function theDoctorNamesKeysThatAreNotNrVaultsOrThatPhpGets(): void
    {
        $this->storeSecret(self::STORED, 'sk-stored-c4n4ry');
        $this->provider('plain', self::PLAIN);
        $this->provider('stored', self::STORED, 'gemini');
        self::setting(['EXTENSIONS', 'nr_llm'], ['image' => ['fal' => ['apiKey' => 'fal-c4n4ry']]]);

        $findings = array_values(array_filter(
            $this->get(Doctor::class)->findings(),
            static fn (Finding $finding): bool => str_starts_with($finding->code, 'dropin.llm.'),
        ));

        self::assertSame(
            ['dropin.llm.key', 'dropin.llm.service', 'dropin.llm.read', 'dropin.llm.setting'],
            array_column($findings, 'code'),
        );
        self::assertStringContainsString('(plain, uid 1, openai)', $findings[0]->message);
        self::assertStringContainsString('(stored, uid 2, gemini)', $findings[2]->message);
        self::assertStringContainsString('image.fal.apiKey', $findings[3]->message);
        self::assertStringNotContainsString('c4n4ry', (string) json_encode($findings));
    }

    #[Test]
    public function aProgramReadsItAsJson(): void
    {
        $this->provider('plain', self::PLAIN);

        $document = json_decode($this->migrate('--format=json')[1], true);

        self::assertIsArray($document);
        self::assertSame([1, false, []], [$document['version'], $document['written'], $document['remarks']]);
        self::assertIsArray($document['providers']);
        self::assertIsArray($document['providers'][0]);
        self::assertSame(['plain, uid 1, openai', 'to do'], [$document['providers'][0]['provider'], $document['providers'][0]['state']]);
    }

    /**
     * @return array{int, string} exit code and output
     */
    private function migrate(string ...$arguments): array
    {
        $tester = new CommandTester($this->get(MigrateNrLlmCommand::class));
        $input = [];
        foreach ($arguments as $argument) {
            [$name, $value] = explode('=', $argument, 2) + [1 => null];
            $input[$name] = match (true) {
                $value === null => true,
                $name === '--group' => [$value],
                default => $value,
            };
        }
        return [$tester->execute($input), $tester->getDisplay(true)];
    }

    private static function refuseServices(bool $isRefused): void
    {
        $hooks = &$GLOBALS['TYPO3_CONF_VARS']['SC_OPTIONS']['t3lib/class.t3lib_tcemain.php']['processDatamapClass'];
        $hooks = array_diff($hooks ?? [], [RefusingHook::class]);
        if ($isRefused) {
            $hooks[] = RefusingHook::class;
        }
    }

    /**
     * The key as a payload that goes to the API alone.
     *
     * @return array<string, mixed>
     */
    private static function bound(): array
    {
        $host = parse_url(self::$upstream->url(), PHP_URL_HOST) . ':' . parse_url(self::$upstream->url(), PHP_URL_PORT);
        return ['type' => 'secret', 'secret' => self::PLAIN, 'binding' => ['hosts' => [$host]]];
    }

    /** A run that nothing hinders brings the key of the only provider into nr-vault, whatever the runs before it have done. */
    private function assertMigrated(): void
    {
        [$code, $output] = $this->migrate('--write', '--group=1');
        self::assertSame(0, $code, $output);
        $identifier = Cell::text($this->rows(self::TABLE)[0], 'api_key');
        self::assertContains($this->get(VaultServiceInterface::class)->retrieve($identifier), [self::PLAIN, json_encode(self::bound())]);
        self::assertSame([1, 1, 1, 1], [
            $this->countRows('tx_nrvault_secret'),
            $this->countRows(self::SET),
            $this->countRows(self::SERVICE),
            $this->countRows('tx_nrvault_service_credential_set_mm'),
        ]);
        self::assertStringContainsString(': in order', $this->migrate('--write')[1]);
    }

    /**
     * @param array<string, mixed> $fields
     */
    private function changeSecret(array $fields): void
    {
        self::connections()->getConnectionForTable('tx_nrvault_secret')->update('tx_nrvault_secret', $fields, ['uid' => 1]);
        $this->get(VaultServiceInterface::class)->clearCache();
    }

    /**
     * @param array<string, int> $fields
     */
    private function provider(
        string $identifier,
        string $key,
        string $adapter = 'openai',
        ?string $endpoint = null,
        array $fields = [],
    ): void {
        self::connections()->getConnectionForTable(self::TABLE)->insert(self::TABLE, $fields + [
            'identifier' => $identifier,
            'name' => $identifier,
            'adapter_type' => $adapter,
            'endpoint_url' => $endpoint ?? self::$upstream->url(),
            'api_key' => $key,
        ]);
    }

    /** A key as early releases of nr-llm have stored it. */
    private static function encrypted(string $key, ?string $encryptionKey = null): string
    {
        $encryptionKey ??= $GLOBALS['TYPO3_CONF_VARS']['SYS']['encryptionKey'];
        $nonce = random_bytes(SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
        return 'enc:' . base64_encode($nonce . sodium_crypto_secretbox(
            $key,
            $nonce,
            hash('sha256', $encryptionKey . ':nr_llm_provider_encryption', true),
        ));
    }

    private function chat(string $adapter, string $identifier): string
    {
        $provider = new Provider();
        $provider->setAdapterType($adapter);
        $provider->setEndpointUrl(self::$upstream->url());
        $provider->setApiKey($identifier);
        $provider->setMaxRetries(1);
        return $this->get(ProviderAdapterRegistry::class)->createAdapterFromProvider($provider, false)
            ->chatCompletion([['role' => 'user', 'content' => 'Hello']])->content;
    }
}
