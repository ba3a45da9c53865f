<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Audit;

use Doctrine\DBAL\Connection as DoctrineConnection;
use Doctrine\DBAL\Exception\DriverException;
use Netresearch\NrSecureOutbound\Audit\AuditConnection;
use Netresearch\NrSecureOutbound\Audit\DatabaseAuditSink;
use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use PHPUnit\Framework\Attributes\Group;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\Attributes\TestWith;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Scheduler\Task\TableGarbageCollectionTask;

/**
 * The records of calls in TYPO3's database.
 */
final class DatabaseAuditSinkTest extends OutboundTestCase
{
    private const TABLE = 'tx_nrvault_outbound_audit';

    protected array $coreExtensionsToLoad = ['scheduler'];

    #[Test]
    public function aRecordHasAllThatIsKnown(): void
    {
        $before = time();
        $this->sink()->write(self::entry('01990c2e-7d51-7c3a-9a11-5a0d1c9be001'));

        $row = $this->rows(self::TABLE)[0];
        self::assertGreaterThanOrEqual($before, $row['crdate']);
        self::assertEquals([
            'id' => '01990c2e-7d51-7c3a-9a11-5a0d1c9be001',
            'state' => 'complete',
            'outcome' => 'response',
            'service_id' => 'crm',
            'timestamp' => '2026-11-21T22:20:48.123Z',
            'method' => 'POST',
            'status' => 200,
            'duration_us' => 9_000_000_000,
            'attempt_errors' => '["http_503"]',
            'credentials' => '["crm_token"]',
            'connection_reused' => 1,
            'error_code' => null,
            'sent' => 'yes',
            'actor_type' => 'backend_user',
            'actor_id' => '7',
            'weight' => 1,
        ], array_intersect_key($row, array_flip([
            'id', 'state', 'outcome', 'service_id', 'timestamp', 'method', 'status', 'duration_us', 'attempt_errors', 'credentials',
            'connection_reused', 'error_code', 'sent', 'actor_type', 'actor_id', 'weight',
        ])));
    }

    #[Test]
    public function aRecordKeepsItsWeight(): void
    {
        $this->sink()->write(self::entry('a')->withWeight(100));

        self::assertEquals(100, $this->rows(self::TABLE)[0]['weight']);
    }

    #[Test]
    public function aTextThatIsTooLongIsCutAndCostsNoRecord(): void
    {
        $this->sink()->write(self::entry('a', ['host' => str_repeat('ü', 300), 'path_template' => str_repeat('ü', 20_000)]));

        $row = $this->rows(self::TABLE)[0];
        self::assertSame(255, mb_strlen(self::text($row['host'])));
        self::assertSame(16_383, mb_strlen(self::text($row['path_template'])));
    }

    #[Test]
    public function anIntentBecomesItsCall(): void
    {
        $this->sink()->begin(self::entry('a', state: AuditEntry::INTENT));
        self::assertSame('intent', $this->rows(self::TABLE)[0]['state']);
        $created = $this->rows(self::TABLE)[0]['crdate'];

        $this->sink()->complete(self::entry('a'));

        self::assertSame(1, $this->countRows(self::TABLE));
        $row = $this->rows(self::TABLE)[0];
        self::assertSame('complete', $row['state']);
        self::assertSame($created, $row['crdate']);
    }

    #[Test]
    public function anIntentThatSomebodyHasDeletedIsNoReasonToLoseTheCall(): void
    {
        $this->sink()->complete(self::entry('a'));

        self::assertSame(1, $this->countRows(self::TABLE, ['state' => 'complete']));
    }

    #[Test]
    public function aRecordOutlivesATransactionThatIsRolledBack(): void
    {
        $connection = self::connections()->getConnectionForTable(self::TABLE);
        $connection->beginTransaction();
        $this->sink()->write(self::entry('a'));
        $connection->rollBack();

        // SQLite has one writer at a time: the records share TYPO3's connection, as the documentation says.
        $isShared = self::isSqlite($connection);
        self::assertSame($isShared ? 0 : 1, $this->countRows(self::TABLE));
    }

    /**
     * A completion is written again if the connection is lost after the first time.
     */
    #[Test]
    public function aCompletionThatComesTwiceIsOneCall(): void
    {
        $this->sink()->complete(self::entry('a'));
        $this->sink()->complete(self::entry('a'));

        self::assertSame(1, $this->countRows(self::TABLE, ['state' => 'complete']));
    }

    #[Test]
    #[Group('mariadb')]
    public function aConnectionThatTheServerClosedIsMadeAnew(): void
    {
        $connection = self::connections()->getConnectionForTable(self::TABLE);
        $sink = $this->sink();
        $sink->write(self::entry('a'));
        foreach ($connection->executeQuery('SHOW PROCESSLIST')->fetchFirstColumn() as $id) {
            if ((string) $id !== (string) $connection->executeQuery('SELECT CONNECTION_ID()')->fetchOne()) {
                $connection->executeStatement('KILL ' . (int) $id);
            }
        }

        $sink->write(self::entry('b'));

        self::assertSame(2, $this->countRows(self::TABLE));
    }

    /**
     * If the child closed the connection, it would end for its parent as well.
     */
    #[Test]
    #[Group('mariadb')]
    public function aForkedChildLeavesItsParentsConnectionAlone(): void
    {
        $connection = $this->connection();
        $before = self::connectionId($connection);
        $child = pcntl_fork();
        if ($child === 0) {
            $connection->run(static fn (DoctrineConnection $own): mixed => $own->fetchOne('SELECT 1'));
            gc_collect_cycles();
            // SIGKILL ends the child without the shutdown functions of PHPUnit and PHP.
            posix_kill((int) getmypid(), SIGKILL);
        }
        pcntl_waitpid($child, $status);

        self::assertSame($before, self::connectionId($connection));
    }

    #[Test]
    #[Group('mariadb')]
    public function aConnectionIsNeverAPersistentOne(): void
    {
        $GLOBALS['TYPO3_CONF_VARS']['DB']['Connections']['Default'] = ['persistent' => true, 'host' => 'localhost']
            + (array) $GLOBALS['TYPO3_CONF_VARS']['DB']['Connections']['Default'];
        $pool = new ConnectionPool();
        $pool->resetConnections();
        try {
            $shared = $pool->getConnectionForTable(self::TABLE);
            self::assertTrue($shared->getParams()['persistent'] ?? false);
            $own = (new AuditConnection($pool))->run(static fn (DoctrineConnection $own): array => $own->getParams());
        } finally {
            $pool->resetConnections();
        }

        self::assertFalse($own['persistent'] ?? false);
    }

    #[Test]
    #[Group('mariadb')]
    #[TestWith(['mysqli'])]
    #[TestWith(['pdo_mysql'])]
    public function aStatementThatTakesTooLongIsGivenUpAndNotRepeated(string $driver): void
    {
        $GLOBALS['TYPO3_CONF_VARS']['DB']['Connections']['Default']['driver'] = $driver;
        $pool = new ConnectionPool();
        $pool->resetConnections();
        $times = 0;
        $start = hrtime(true);
        try {
            (new AuditConnection($pool))->run(static function (DoctrineConnection $own) use (&$times): mixed {
                $times++;
                return $own->fetchOne('SELECT SLEEP(30)');
            });
            self::fail('It was waited for.');
        } catch (DriverException) {
            self::assertSame(1, $times);
            self::assertLessThan(20, (hrtime(true) - $start) / 1_000_000_000);
        } finally {
            $pool->resetConnections();
        }
    }

    #[Test]
    public function whatFailsIsSaidWithoutAValueOfTheRecord(): void
    {
        $sink = $this->sink();
        self::connections()->getConnectionForTable(self::TABLE)->executeStatement('ALTER TABLE ' . self::TABLE . ' RENAME TO gone');
        try {
            $sink->write(self::entry('s3cr3t-id'));
            self::fail('It was stored.');
        } catch (AuditSinkException $failure) {
            self::assertMatchesRegularExpression('/\Athe audit record was not stored in the database: \w+ \(SQLSTATE \w+, code \d+\)\z/', $failure->getMessage());
        } finally {
            self::connections()->getConnectionForTable(self::TABLE)->executeStatement('ALTER TABLE gone RENAME TO ' . self::TABLE);
        }
    }

    #[Test]
    public function whatIsOldEnoughGoes(): void
    {
        $this->atDays(0, 89, 91, 200);

        self::assertSame(2, $this->sink()->purge());
        self::assertSame(['d0', 'd89'], array_column($this->rows(self::TABLE), 'id'));
        self::assertSame(1, $this->sink()->purge(1));
    }

    #[Test]
    public function theSchedulersGarbageCollectionKeepsWhatIsNew(): void
    {
        $this->atDays(0, 89, 91, 200);
        $task = new TableGarbageCollectionTask();
        $task->table = self::TABLE;
        $task->numberOfDays = 90;

        self::assertTrue($task->execute());

        self::assertSame(['d0', 'd89'], array_column($this->rows(self::TABLE), 'id'));
    }

    private function sink(): DatabaseAuditSink
    {
        $this->get(ServiceCalls::class);
        return $this->get(DatabaseAuditSink::class);
    }

    private function atDays(int ...$days): void
    {
        foreach ($days as $day) {
            $this->sink()->write(self::entry("d$day"));
            self::connections()->getConnectionForTable(self::TABLE)
                ->update(self::TABLE, ['crdate' => time() - $day * 86400], ['id' => "d$day"]);
        }
    }

    /**
     * @param array<string, mixed> $record
     */
    private static function entry(string $id, array $record = [], string $state = AuditEntry::COMPLETE): AuditEntry
    {
        return new AuditEntry($id, $state, $state === AuditEntry::INTENT ? null : AuditEntry::RESPONSE, $record + [
            'service_id' => 'crm',
            'timestamp' => '2026-11-21T22:20:48.123Z',
            'method' => 'POST',
            'status' => 200,
            'duration_us' => 9_000_000_000,
            'attempt_errors' => ['http_503'],
            'credentials' => ['crm_token'],
            'connection_reused' => true,
            'sent' => 'yes',
        ], 'backend_user', '7', 'Acme\\Job::run', 'request-9');
    }

    private static function text(mixed $value): string
    {
        self::assertIsString($value);
        return $value;
    }

    private function connection(): AuditConnection
    {
        return new AuditConnection(self::connections());
    }

    private static function connectionId(AuditConnection $connection): string
    {
        $id = $connection->run(static fn (DoctrineConnection $own): mixed => $own->fetchOne('SELECT CONNECTION_ID()'));
        self::assertIsScalar($id);
        return (string) $id;
    }

    private static function isSqlite(Connection $connection): bool
    {
        return ($connection->getParams()['driver'] ?? '') === 'pdo_sqlite';
    }
}
