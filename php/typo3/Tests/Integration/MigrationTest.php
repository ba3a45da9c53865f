<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\Stored;
use Netresearch\NrSecureOutboundCalling\KillsAtWrite;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Canaries;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The migration of nr-llm's keys as a process of its own, which is killed, and what is left of the keys afterwards.
 */
final class MigrationTest extends TestCase
{
    private const PROVIDER = 'tx_nrllm_provider';

    private static Upstream $upstream;
    private static Canaries $canaries;
    private static Site $site;

    /** What the commands have printed. */
    private static string $printed = '';

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$canaries = Canaries::make();
        self::$site = new Site('migration');
        self::killAtWrite(0);
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
        self::$upstream->stop();
    }

    #[Test]
    public function aRunThatIsKilledBeforeAnyOfItsWritesIsFinishedByTheNext(): void
    {
        $whole = [
            'code' => 0,
            'secrets' => 1,
            'groups' => 2,
            'sets' => 1,
            'services' => 1,
            'relations' => 1,
            'records' => true,
            'history' => true,
            'lost' => false,
        ];
        $others = [];
        $write = 0;
        do {
            $name = 'p' . ++$write;
            $key = self::$canaries->text($name);
            self::$site->database()->insert(self::PROVIDER, [
                'identifier' => $name,
                'name' => $name,
                'adapter_type' => 'openai',
                'endpoint_url' => self::$upstream->url(),
                'api_key' => $key,
            ]);

            self::killAtWrite($write);
            $killed = $this->migrate();
            self::killAtWrite(0);
            $code = $this->migrate()['code'];

            $identifier = $this->identifier($name);
            $end = ['code' => $code] + $this->made($name, $identifier) + ['lost' => $this->opened($identifier) !== $key];
            if ($end !== $whole) {
                $others["killed before write $write"] = array_diff_assoc($end, $whole);
            }
        } while ($killed['code'] !== 0);

        self::assertSame([], $others);
        self::assertGreaterThan(10, $write, 'the migration has this number of writes at least');
        self::assertStringContainsString(": done\n", $killed['output']);
    }

    #[Test]
    #[Depends('aRunThatIsKilledBeforeAnyOfItsWritesIsFinishedByTheNext')]
    public function noCopyOfAKeyIsLeft(): void
    {
        $payload = (string) json_encode(['type' => 'bearer', 'token' => self::$canaries->text('typed')]);
        foreach ([$payload, $payload] as $stored) {
            self::$printed .= self::$site->feedTypo3($stored, 'outbound:credential:set', 'typed_token')['output'];
        }
        self::$printed .= self::$site->feedTypo3(self::$canaries->text('bare'), 'outbound:credential:set', 'bare_token', '--plain')['output'];

        $search = new Search(self::$canaries);
        $rows = Stored::inTables(self::$site->database());
        foreach (['typed_token', 'bare_token', 'nr-llm.p1'] as $stored) {
            self::assertStringContainsString($stored, $rows);
        }
        self::assertSame([], $search->inText($rows), 'in the database');
        self::assertSame([], $search->inText(self::$printed), 'in what the commands print');
        [$found, $read] = Stored::inFiles(self::$site->written(), $search);
        // SQLite overwrites the freed space in its file some time later.
        self::assertSame([], array_values(array_filter($found, static fn (string $file): bool => !str_ends_with($file, '.sqlite'))));
        self::assertGreaterThan(50, $read);
    }

    private static function killAtWrite(int $write): void
    {
        self::$site->configure([
            'DB' => ['globalDriverMiddlewares' => ['kills' => ['target' => KillsAtWrite::class]]],
            'EXTENSIONS' => [KillsAtWrite::SETTING => $write],
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => ['internal_hosts' => self::$upstream->config()['internal_hosts']]]],
        ]);
    }

    /**
     * @return array{code: int, output: string}
     */
    private function migrate(): array
    {
        $result = self::$site->tryTypo3('outbound:migrate:nr-llm', '--write', '--group=3', '--group=4');
        self::$printed .= $result['output'];
        return $result;
    }

    /** What nr-vault gives to a command, which before nr-vault 1.0 owns the secrets that have no owner. */
    private function opened(string $identifier): string
    {
        self::$site->database()->update('tx_nrvault_secret', ['owner_uid' => 0], ['identifier' => $identifier]);
        return trim(self::$site->tryTypo3('vault:retrieve', $identifier)['output']);
    }

    /** What the provider's record has in place of its key. */
    private function identifier(string $name): string
    {
        $value = self::$site->database()->fetchOne('SELECT api_key FROM ' . self::PROVIDER . ' WHERE identifier = ?', [$name]);
        return is_string($value) ? $value : '';
    }

    /**
     * @return array<string, int|bool> the rows that belong to the provider
     */
    private function made(string $name, string $identifier): array
    {
        $count = static function (string $from, string $where, string $value): int {
            $number = self::$site->database()->fetchOne("SELECT COUNT(*) FROM $from WHERE $where", [$value]);
            return is_numeric($number) ? (int) $number : 0;
        };
        return [
            'secrets' => $count('tx_nrvault_secret', 'identifier = ?', $identifier),
            'groups' => $count(
                'tx_nrvault_secret_begroups_mm AS relation JOIN tx_nrvault_secret AS secret ON secret.uid = relation.uid_local',
                'secret.identifier = ?',
                $identifier,
            ),
            'sets' => $count('tx_nrvault_credential_set', 'identifier = ?', "nr-llm.$name"),
            'services' => $count('tx_nrvault_service', 'identifier = ?', "nr-llm.$name"),
            'relations' => $count(
                'tx_nrvault_service_credential_set_mm AS relation JOIN tx_nrvault_service AS service ON service.uid = relation.uid_local',
                'service.identifier = ?',
                "nr-llm.$name",
            ),
            'records' => $count('tx_nrvault_audit_log', "action IN ('create', 'update') AND secret_identifier = ?", $identifier) > 0,
            'history' => $count('sys_history', "tablename = 'tx_nrvault_service' AND history_data LIKE ?", "%nr-llm.$name%") > 0,
        ];
    }
}
