<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Outdated;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The commands of the extension, as an operator runs them.
 */
final class OutboundCommandsTest extends TestCase
{
    private static Upstream $upstream;
    private static Site $site;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$site = new Site('own-commands', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => ['internal_hosts' => self::$upstream->config()['internal_hosts']]]],
            'LOG' => Outdated::LOGGED,
        ]);
        self::$site->typo3('outbound-test:prepare', self::$site->write('prepare.json', (string) json_encode(['services' => [[
            'id' => 'crm',
            'base_url' => self::$upstream->url(),
            'secret' => 's3cr3t-of-crm',
            'options' => ['owner' => 1],
            'fields' => ['allowed_paths' => "/v1/echo\n/v1/echo/{id}"],
        ]]])));
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
        self::$upstream->stop();
    }

    #[Test]
    public function theDoctorSaysWhatItLooksAtAndWhatToDo(): void
    {
        $report = self::$site->tryTypo3('outbound:doctor');
        self::assertNotSame(2, $report['code'], $report['output']);
        self::assertStringContainsString("nr-vault\n", $report['output']);
        self::assertStringContainsString('WARNING  vault.gates', $report['output']);
        self::assertStringContainsString("→ composer require 'netresearch/nr-vault:^1.1'", $report['output']);

        self::$site->typo3('outbound-test:prepare', self::$site->write('visible.json', (string) json_encode(['services' => [[
            'id' => 'visible',
            'base_url' => self::$upstream->url(),
            'secret' => 's3cr3t-of-visible',
            'options' => ['frontendAccessible' => true],
        ]]])));
        $result = self::$site->tryTypo3('outbound:doctor', '--format=json');

        $told = json_decode($result['output'], true);
        self::assertIsArray($told, $result['output']);
        self::assertSame(2, $result['code']);
        self::assertSame('critical', $told['verdict'] ?? null);
        self::assertContains('vault.frontend_accessible', array_column((array) ($told['findings'] ?? []), 'code'));
        self::assertStringNotContainsString('s3cr3t', $result['output'] . $report['output']);

        $problems = self::$site->tryTypo3('outbound:doctor', '--problems');
        self::assertStringContainsString('CRITICAL  vault.frontend_accessible', $problems['output']);
        self::assertStringNotContainsString('registry.services', $problems['output']);
    }

    #[Test]
    public function whatAPolicyDecidesIsExplained(): void
    {
        $allowed = self::$site->tryTypo3('outbound:explain', 'crm', 'GET', '/echo/7', '--query=a=b');
        self::assertSame(0, $allowed['code'], $allowed['output']);
        self::assertStringContainsString('allowed: GET ' . self::$upstream->url() . '/echo/7?a=b', $allowed['output']);
        self::assertStringContainsString('pattern: /v1/echo/{id}', $allowed['output']);
        self::assertStringContainsString('credentials: crm_token', $allowed['output']);

        $refused = self::$site->tryTypo3('outbound:explain', 'crm', 'GET', '/other');
        self::assertSame(1, $refused['code']);
        self::assertStringStartsWith('policy.path_not_allowed: ', $refused['output']);

        $told = json_decode(self::$site->tryTypo3('outbound:explain', 'crm', 'DELETE', '/echo/7', '--format=json')['output'], true);
        self::assertIsArray($told);
        self::assertFalse($told['allowed'] ?? null);
        self::assertIsArray($told['refusal'] ?? null);
        self::assertSame('policy.method_not_allowed', $told['refusal']['code'] ?? null);
        self::assertSame(64, self::$site->tryTypo3('outbound:explain', 'crm', 'GET', '/echo/7', '--format=xml')['code']);
    }

    #[Test]
    public function aSecretIsReplacedByAPayloadThatWasJudged(): void
    {
        $host = (string) parse_url(self::$upstream->url(), PHP_URL_HOST) . ':' . parse_url(self::$upstream->url(), PHP_URL_PORT);
        $payload = (string) json_encode(['type' => 'secret', 'secret' => 'n3w-s3cr3t', 'binding' => ['hosts' => [$host]]]);

        $result = self::$site->feedTypo3($payload, 'outbound:credential:set', 'crm_token');

        self::assertSame([0, "replaced: crm_token\n"], [$result['code'], $result['output']]);
        self::assertSame('Bearer n3w-s3cr3t', $this->authorizationOfACommand());
    }

    #[Test]
    public function aNewSecretIsStoredWithAWarningWhereItIsBoundToNothing(): void
    {
        $result = self::$site->feedTypo3("pl4in\n", 'outbound:credential:set', 'other_token', '--plain', '--format=json');

        self::assertSame(0, $result['code'], $result['output']);
        self::assertStringContainsString('warning: the credential is bound to no hosts', $result['output']);
        $told = json_decode((string) strstr($result['output'], '{' . "\n"), true);
        self::assertSame(['version' => 1, 'identifier' => 'other_token', 'new' => true, 'bound' => false], $told);
        self::assertStringNotContainsString('pl4in', $result['output']);
    }

    #[Test]
    public function aServiceAccountsFileBecomesAPayload(): void
    {
        $google = ['outbound:credential:set', 'importer', '--google', '--host=www.example.com'];

        $result = self::$site->feedTypo3(self::serviceAccount(), ...[...$google, '--scope=a', '--format=json']);

        self::assertSame(0, $result['code'], $result['output']);
        self::assertSame(
            ['version' => 1, 'identifier' => 'importer', 'new' => true, 'bound' => true],
            json_decode((string) strstr($result['output'], '{' . "\n"), true),
        );
        self::assertStringNotContainsString('PRIVATE', $result['output']);
    }

    /** A file such as Google's, with a key that is as good as one of its own. */
    private static function serviceAccount(string $key = ''): string
    {
        $generated = openssl_pkey_new(['private_key_bits' => 2048, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
        if ($key === '' && ($generated === false || !openssl_pkey_export($generated, $key))) {
            self::fail('There is no key.');
        }
        return (string) json_encode([
            'type' => 'service_account', 'private_key_id' => '4f1c', 'private_key' => $key, 'client_email' => 'importer@project.example',
        ]);
    }

    /**
     * @return array<string, array{string, list<string>, int, string}>
     */
    public static function refusals(): array
    {
        return [
            'no JSON' => ['s3cr3t', [], 64, 'The payload is no JSON object. For a secret that is just its bytes: --plain.'],
            'another type' => ['{"type": "s3cr3t"}', [], 64, '"type" is one of '],
            'a payload that cannot be used' => ['{"type": "bearer", "token": "s3cr3t\n"}', [], 64, 'The payload cannot be used: '],
            'nothing' => ['', ['--plain'], 64, 'The secret is empty.'],
            'a typed payload as bytes' => ['{"type": "bearer", "token": "s3cr3t"}', ['--plain'], 64, 'seal it without --plain'],
            'a service account without scopes' => [self::serviceAccount('s3cr3t'), ['--google'], 64, 'of Google needs scopes (--scope)'],
            'what is no service account' => ['{"s3cr3t": 1}', ['--google'], 64, 'not that of a service account'],
            'an option of Google alone' => ['{"type": "bearer", "token": "s3cr3t"}', ['--sub=user'], 64, '--sub goes with --google'],
            'an identifier that nr-vault does not take' => ['s3cr3t', ['--plain', 'no identifier'], 1, 'Invalid secret identifier'],
        ];
    }

    /**
     * @param list<string> $arguments
     */
    #[Test]
    #[DataProvider('refusals')]
    public function whatCannotBeUsedIsNotStored(string $payload, array $arguments, int $code, string $message): void
    {
        $identifier = count($arguments) === 2 ? array_pop($arguments) : 'never_stored';
        $result = self::$site->feedTypo3($payload, 'outbound:credential:set', $identifier, ...$arguments);

        self::assertSame($code, $result['code'], $result['output']);
        self::assertStringContainsString($message, $result['output']);
        self::assertStringNotContainsString('s3cr3t', $result['output']);
        self::assertSame([], self::column("SELECT identifier FROM tx_nrvault_secret WHERE identifier = 'never_stored'"));
    }

    #[Test]
    public function whatIsOldEnoughGoes(): void
    {
        self::database()->exec("INSERT INTO tx_nrvault_outbound_audit (id, state, timestamp, crdate) VALUES ('old', 'complete', '', "
            . (time() - 91 * 86400) . "), ('new', 'complete', '', " . (time() - 89 * 86400) . ')');

        $result = self::$site->tryTypo3('outbound:audit:purge');

        self::assertSame([0, "deleted: 1\n"], [$result['code'], $result['output']]);
        self::assertSame(['new'], self::column("SELECT id FROM tx_nrvault_outbound_audit WHERE id IN ('old', 'new')"));
        $told = json_decode(self::$site->tryTypo3('outbound:audit:purge', '--days=88', '--format=json')['output'], true);
        self::assertSame(['version' => 1, 'days' => 88, 'deleted' => 1], $told);
        self::assertSame(64, self::$site->tryTypo3('outbound:audit:purge', '--days=0')['code']);
    }

    #[Test]
    public function servicesComeFromAFileAndGoBackToIt(): void
    {
        $file = self::$site->write('services.json', (string) json_encode(['version' => 1, 'services' => ['shop' => [
            'base_url' => self::$upstream->url(),
            'policy' => ['allowed_methods' => ['GET']],
            'credentials' => [['identifier' => 'shop_token', 'type' => 'bearer']],
        ]]]));

        $missing = self::$site->tryTypo3('outbound:import', $file);
        self::assertSame(1, $missing['code'], $missing['output']);
        self::assertStringContainsString('missing: service shop: the secret "shop_token"   # vendor/bin/typo3 outbound:credential:set', $missing['output']);
        self::assertSame([], self::column("SELECT uid FROM tx_nrvault_service WHERE identifier = 'shop'"));

        self::$site->feedTypo3('{"type": "bearer", "token": "s3cr3t-of-shop"}', 'outbound:credential:set', 'shop_token');
        $dry = self::$site->tryTypo3('outbound:import', '--dry-run', $file);
        self::assertSame(1, $dry['code'], $dry['output']);
        self::assertStringContainsString('service shop: base_url: none → "' . self::$upstream->url() . '"', $dry['output']);
        self::assertSame([], self::column("SELECT uid FROM tx_nrvault_service WHERE identifier = 'shop'"));

        $told = json_decode(self::$site->typo3('outbound:import', '--format=json', $file), true);
        self::assertIsArray($told);
        self::assertSame([true, [], []], [$told['written'] ?? null, $told['missing'] ?? null, $told['refused'] ?? null]);
        self::assertSame([0, "nothing differs\n"], array_values(self::$site->tryTypo3('outbound:import', '--dry-run', $file)));
        $written = self::column("SELECT COUNT(*) FROM sys_history WHERE tablename = 'tx_nrvault_service'");
        self::assertNotSame(['0'], array_map(strval(...), array_filter($written, is_scalar(...))));

        $first = self::$site->typo3('outbound:export');
        self::assertStringContainsString('"shop": {', $first);
        self::assertStringNotContainsString('s3cr3t', $first);
        self::database()->exec("UPDATE tx_nrvault_service SET hidden = 1, timeout_ms = 5 WHERE identifier = 'shop'");
        self::$site->typo3('outbound:import', self::$site->write('exported.json', $first));
        self::assertSame($first, self::$site->typo3('outbound:export'));

        $wrong = self::$site->tryTypo3('outbound:import', self::$site->write('wrong.json', '{"version": 1, "services": {"a": {}}}'));
        self::assertSame(64, $wrong['code']);
        self::assertStringContainsString('service "a": ', $wrong['output']);
    }

    #[Test]
    public function keysOfNrLlmAreBroughtIntoNrVault(): void
    {
        self::database()->prepare('INSERT INTO tx_nrllm_provider (identifier, name, adapter_type, endpoint_url, api_key) VALUES (?, ?, ?, ?, ?)')
            ->execute(['main', 'Main', 'openai', self::$upstream->url(), 'sk-c4n4ry-of-llm']);
        $key = static fn (): mixed => self::column('SELECT api_key FROM tx_nrllm_provider')[0];

        $shown = self::$site->tryTypo3('outbound:migrate:nr-llm');
        self::assertSame(0, $shown['code'], $shown['output']);
        self::assertStringContainsString('main, uid 1, openai: to do', $shown['output']);
        self::assertSame('sk-c4n4ry-of-llm', $key());

        $done = self::$site->tryTypo3('outbound:migrate:nr-llm', '--write');
        self::assertSame(0, $done['code'], $done['output']);
        self::assertMatchesRegularExpression('/\A"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}"\z/', (string) json_encode($key()));
        self::assertSame('credential.access_denied', self::$site->calls('nr-llm.main')['nr-llm.main']['code'] ?? null);
        self::assertStringNotContainsString('c4n4ry', $shown['output'] . $done['output']);

        self::assertStringContainsString('main, uid 1, openai: in order', self::$site->typo3('outbound:migrate:nr-llm', '--write'));
        self::assertSame(64, self::$site->tryTypo3('outbound:migrate:nr-llm', '--group=editors')['code']);
    }

    #[Test]
    #[Depends('theDoctorSaysWhatItLooksAtAndWhatToDo')]
    #[Depends('whatAPolicyDecidesIsExplained')]
    #[Depends('aSecretIsReplacedByAPayloadThatWasJudged')]
    #[Depends('whatIsOldEnoughGoes')]
    #[Depends('servicesComeFromAFileAndGoBackToIt')]
    #[Depends('keysOfNrLlmAreBroughtIntoNrVault')]
    public function nothingOutdatedWasUsed(): void
    {
        Outdated::assertOnlyInOthers(self::$site);
    }

    /** The secret gets no owner: before nr-vault 1.0 a command cannot read that of an administrator. */
    private function authorizationOfACommand(): ?string
    {
        self::database()->exec("UPDATE tx_nrvault_secret SET owner_uid = 0 WHERE identifier = 'crm_token'");
        $value = self::$site->calls('crm')['crm']['authorization'] ?? null;
        return is_string($value) ? $value : null;
    }

    private static function database(): \PDO
    {
        $files = glob(self::$site->path . '/var/sqlite/*.sqlite');
        self::assertIsArray($files);
        return new \PDO('sqlite:' . $files[0]);
    }

    /**
     * @return list<mixed>
     */
    private static function column(string $query): array
    {
        $statement = self::database()->query($query);
        self::assertNotFalse($statement);
        return $statement->fetchAll(\PDO::FETCH_COLUMN);
    }
}
