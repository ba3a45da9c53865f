<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Exchange;

use Netresearch\NrSecureOutbound\Exchange\Difference;
use Netresearch\NrSecureOutbound\Exchange\Importer;
use Netresearch\NrSecureOutbound\Exchange\ImportPlan;
use Netresearch\NrSecureOutbound\Exchange\RegistryFile;
use Netresearch\NrSecureOutbound\Exchange\StoredEntries;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\RowServiceRegistry;
use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use PHPUnit\Framework\Attributes\Test;

/**
 * Export of services to a file, and their import.
 */
final class ImporterTest extends OutboundTestCase
{
    /** Everything that an entry can have, except a technical user, which nr-vault supports from 1.0 on. */
    private const FULL = [
        'base_url' => 'https://api.example.com/v1',
        'policy' => [
            'allowed_methods' => ['GET', 'POST', 'PROPFIND'],
            'allowed_paths' => ['/v1/customers/{id}', '/v1/charges/**'],
            'allowed_hosts' => ['api.example.com', '*.cdn.example.com:8443'],
            'allow_http' => true,
            'allow_encoded_slash' => true,
            'max_redirects' => 4294967295,
            'max_attempts' => 3,
            'timeout_ms' => 9007199254740991,
            'idle_timeout_ms' => 1,
            'request_bytes' => 0,
            'response_bytes' => 1,
            'http_versions' => ['3', '1.1'],
            'http3' => 'alt-svc',
            'breaker' => ['failures' => 5, 'open_ms' => 60000],
        ],
        'headers' => ['Accept' => 'application/json', 'X-Tenant' => '  zwölf: "a" ', 'X-Empty' => ''],
        'idempotency_header' => 'X-Idempotency',
        'placeholder_headers' => ['Authorization', 'X-Api-Key'],
        'credentials' => [
            ['set' => 'full', 'identifier' => 'full_token', 'type' => 'secret', 'placement' => ['type' => 'header', 'name' => 'X-Auth', 'prefix' => 'Key ']],
        ],
        'alternatives' => [['secret_suffix' => ':fx', 'base_url' => 'https://free.example.com/v1']],
        'transport' => 'rust',
        'audit' => 'required',
        'audit_sample' => 100,
        'test' => ['method' => 'GET', 'path' => ''],
        'description' => "Zwei\nZeilen",
    ];

    private const SMALL = [
        'base_url' => 'https://crm.example.com',
        'policy' => ['allowed_methods' => ['GET']],
        'credentials' => [
            ['set' => 'crm-user', 'identifier' => 'crm_user', 'type' => 'secret', 'placement' => ['type' => 'basic_username']],
            ['set' => 'crm-password', 'identifier' => 'crm_password', 'type' => 'secret', 'placement' => ['type' => 'basic_password']],
        ],
    ];

    private const SIGNED = [
        'base_url' => 'https://media.example.com',
        'policy' => ['allowed_methods' => ['PUT']],
        'credentials' => [['set' => 'media-key', 'identifier' => 'media_key', 'type' => 'aws_sigv4', 'service' => 's3']],
    ];

    protected function setUp(): void
    {
        parent::setUp();
        foreach (['full_token', 'crm_user', 'crm_password'] as $identifier) {
            $this->storeSecret($identifier, 's3cr3t');
        }
    }

    #[Test]
    public function exportImportAndExportGiveTheSameBytes(): void
    {
        $this->storeSecret('media_key', 's3cr3t');
        $file = $this->file(['full' => self::FULL, 'crm' => self::SMALL, 'media' => self::SIGNED]);

        $this->import($file);

        $first = $this->export();
        self::assertSame(RegistryFile::text(['crm' => self::SMALL, 'full' => self::FULL, 'media' => self::SIGNED]), $first);
        self::assertStringNotContainsString('s3cr3t', $first);
        self::assertSame([], $this->registry()->problems());
        self::assertEquals((new ArrayServiceRegistry(['full' => self::FULL]))->get('full'), $this->registry()->get('full'));

        foreach ($this->rows(self::SERVICE) as $row) {
            $this->edit([], [self::SERVICE => [Cell::integer($row, 'uid') => ['delete' => 1]]]);
        }
        self::assertSame(['version' => 1, 'services' => []], json_decode($this->export(), true));
        $again = $this->write($first);
        $this->import($again);

        self::assertSame($first, $this->export());
        self::assertSame([], $this->plan($again)->differences);
    }

    #[Test]
    public function whatIsWrittenInAnotherWayDoesNotDiffer(): void
    {
        $this->import($this->file(['crm' => self::SMALL]));
        $crm = ['transport' => 'auto', 'audit_sample' => 1, 'headers' => new \stdClass(), 'description' => ''] + self::SMALL;
        $crm['policy'] = ['max_attempts' => 1, 'allow_http' => false] + $crm['policy'];
        $crm['credentials'][0]['placement'] = 'basic_username';
        unset($crm['credentials'][1]['set']);

        self::assertSame([], $this->plan($this->file(['crm' => $crm]))->differences);
    }

    #[Test]
    public function eachDifferenceIsNamedBeforeItIsWritten(): void
    {
        $this->import($this->file(['crm' => self::SMALL]));
        $this->change(self::SERVICE, $this->uid('crm'), ['hidden' => 1, 'timeout_ms' => 30000]);
        $changed = self::SMALL;
        $changed['policy'] += ['timeout_ms' => 10000];
        $changed['credentials'][0]['placement'] = ['type' => 'query', 'name' => 'user'];

        $plan = $this->plan($file = $this->file(['crm' => $changed]));

        self::assertSame([
            'service crm: policy.timeout_ms: 30000 → 10000',
            'service crm: hidden: true → none',
            'credential set crm-user: placement.type: "basic_username" → "query"',
            'credential set crm-user: placement.name: none → "user"',
        ], array_map(static fn (Difference $difference): string => $difference->text(), $plan->differences));
        self::assertSame(30000, $this->row(self::SERVICE, $this->uid('crm'))['timeout_ms']);

        $this->import($file);

        self::assertSame(10000, $this->registry()->get('crm')->policy->timeoutMs);
        self::assertSame([], $this->plan($file)->differences);
        self::assertSame(1, $this->countRows(self::SERVICE), 'The row is the same.');
    }

    #[Test]
    public function aServiceWhoseSecretIsNotThereStaysAsItIsAndTheOthersAreWritten(): void
    {
        $other = ['technical_user' => 'nobody'] + self::SMALL;
        $other['credentials'][0]['identifier'] = 'gone_token';
        $other['credentials'][0]['set'] = 'gone';

        $plan = $this->import($this->file(['crm' => self::SMALL, 'other' => $other]));

        self::assertSame([
            ['service' => 'other', 'kind' => 'secret', 'name' => 'gone_token'],
            ['service' => 'other', 'kind' => 'user', 'name' => 'nobody'],
        ], $plan->missing);
        self::assertFalse($plan->isWhole());
        self::assertSame(['crm'], $this->registry()->ids());
        self::assertSame(0, $this->countRows(self::SET, ['identifier' => 'gone']));
    }

    #[Test]
    public function whatARecordCannotBeIsRefused(): void
    {
        $key = ['headers' => ['X-Api-Key' => 'abc']] + self::SMALL;
        $twice = $this->saveService('twice');
        self::connections()->getConnectionForTable(self::SERVICE)->insert(self::SERVICE, ['identifier' => 'twice']);
        $user = ['technical_user' => 'editor'] + self::SMALL;

        $plan = $this->import($this->file(['key' => $key, 'twice' => self::SMALL, 'user' => $user]));

        self::assertSame(['key', 'twice', 'user'], array_column($plan->refused, 'service'));
        self::assertStringStartsWith('headers has X-Api-Key', $plan->refused[0]['message']);
        self::assertStringStartsWith('several records have this id', $plan->refused[1]['message']);
        self::assertStringStartsWith('technical_user needs an nr-vault', $plan->refused[2]['message']);
        self::assertSame('https://api.example.com/v1', $this->row(self::SERVICE, $twice)['base_url']);
    }

    #[Test]
    public function whatTheFileLacksIsDisabledWhereThatIsAskedFor(): void
    {
        $this->import($this->file(['crm' => self::SMALL, 'full' => self::FULL]));
        $file = $this->file(['crm' => self::SMALL]);

        self::assertSame([], $this->plan($file)->differences);
        $plan = $this->import($file, true);

        self::assertSame(['service full: hidden: false → true'], array_map(
            static fn (Difference $difference): string => $difference->text(),
            $plan->differences,
        ));
        self::assertSame(1, $this->row(self::SERVICE, $this->uid('full'))['hidden']);
        self::assertSame([], $this->plan($file, true)->differences);
    }

    #[Test]
    public function aCredentialWithoutASetGetsOneThatIsLikeItOrANewOne(): void
    {
        $this->saveSet('known', Cell::integer($this->rows('tx_nrvault_secret', ['identifier' => 'crm_user'])[0], 'uid'), ['placement' => 'basic_username']);
        $crm = self::SMALL;
        unset($crm['credentials'][0]['set'], $crm['credentials'][1]['set']);

        $this->import($this->file(['crm' => $crm, 'crm2' => $crm]));

        self::assertSame(['known', 'crm_password'], array_column($this->rows(self::SET), 'identifier'));
        foreach (['crm', 'crm2'] as $id) {
            self::assertSame(['crm_user', 'crm_password'], array_column($this->registry()->get($id)->credentials, 'identifier'));
        }
    }

    #[Test]
    public function aFileWithAFaultIsRefusedAsAWhole(): void
    {
        $contradiction = self::SMALL;
        $contradiction['credentials'][0]['placement'] = ['type' => 'bearer'];
        foreach (
            [
                ['crm' => self::SMALL, 'bad' => ['base_url' => 'x'] + self::SMALL],
                ['crm' => self::SMALL, 'other' => $contradiction],
            ] as $services
        ) {
            try {
                $this->import($this->file($services));
                self::fail('It was taken.');
            } catch (UsageError $error) {
                self::assertMatchesRegularExpression('/service "bad": base_url must|"crm-user" is described in two ways/', $error->getMessage());
            }
        }
        self::assertSame([], $this->registry()->ids());
    }

    private function plan(string $file, bool $prune = false): ImportPlan
    {
        return $this->get(Importer::class)->plan(RegistryFile::read($file), $prune);
    }

    private function import(string $file, bool $prune = false): ImportPlan
    {
        $plan = $this->plan($file, $prune);
        self::assertSame([], $this->get(Importer::class)->apply($plan));
        return $plan;
    }

    private function export(): string
    {
        $stored = $this->get(StoredEntries::class);
        return RegistryFile::text(array_map(static fn (array $rows): array => $stored->entry($rows[0]), $stored->services()));
    }

    private function registry(): RowServiceRegistry
    {
        return $this->get(RowServiceRegistry::class);
    }

    private function uid(string $id): int
    {
        return Cell::integer($this->rows(self::SERVICE, ['identifier' => $id])[0], 'uid');
    }

    /**
     * @param array<string, mixed> $services
     */
    private function file(array $services): string
    {
        return $this->write((string) json_encode(['version' => 1, 'services' => $services]));
    }

    private function write(string $json): string
    {
        $file = $this->instancePath . '/services-' . md5($json) . '.json';
        file_put_contents($file, $json);
        return $file;
    }
}
