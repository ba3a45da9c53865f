<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use PHPUnit\Framework\TestCase;

/**
 * PdoAuditSink: the tests that are the same for SQLite and MySQL.
 */
abstract class PdoTestCase extends TestCase
{
    protected PdoAuditSink $sink;

    /** The data source name of an empty database. */
    abstract protected function dsn(): string;

    protected function setUp(): void
    {
        $this->sink = new PdoAuditSink($this->dsn(), timeoutMs: 300);
        $this->sink->createTable();
    }

    public function testEveryColumnIsStored(): void
    {
        $this->sink->write(AuditEntries::complete());

        $expected = AuditEntries::complete()->toArray();
        $expected['credentials'] = '["01937b6e-4b6c-7abc-8def-0123456789ab","second"]';
        $expected['attempt_errors'] = '["http_503","response.too_large"]';
        $expected['connection_reused'] = 1;
        self::assertSame([$expected], $this->rows());
    }

    public function testAnIntentAndItsEndAreOneRow(): void
    {
        $this->sink->begin(AuditEntries::intent());
        $intent = $this->rows();
        $this->sink->complete(AuditEntries::complete());

        self::assertSame(['intent', null, null], array_map(
            static fn (string $column): mixed => $intent[0][$column],
            ['state', 'outcome', 'status'],
        ));
        $this->assertIds(['id-1' => 'complete']);
    }

    public function testWhatIsWrittenAgainChangesNothing(): void
    {
        $this->sink->begin(AuditEntries::intent());
        $this->sink->begin(AuditEntries::intent());
        $this->sink->complete(AuditEntries::complete());
        $this->sink->complete(AuditEntries::complete());
        $this->sink->begin(AuditEntries::intent());

        $this->assertIds(['id-1' => 'complete']);
    }

    public function testAnEndWithoutItsIntentIsStored(): void
    {
        $this->sink->complete(AuditEntries::complete());

        $this->assertIds(['id-1' => 'complete']);
    }

    public function testTextOfTheTableCannotLeaveItsPlace(): void
    {
        $text = "x'); DROP TABLE secure_outbound_audit; -- \\' \u{1F512}";

        $this->sink->write(AuditEntries::complete(record: ['path_template' => $text]));

        self::assertSame($text, $this->rows()[0]['path_template']);
    }

    public function testAValueThatIsTooLongIsCutAtACharacter(): void
    {
        $long = str_repeat('ü', 20_000);

        $this->sink->write(AuditEntries::complete(record: ['host' => $long, 'path_template' => $long]));

        $row = $this->rows()[0];
        self::assertSame(str_repeat('ü', 255), $row['host']);
        self::assertSame(str_repeat('ü', 16_383), $row['path_template']);
    }

    public function testARecordOutlivesTheTransactionOfTheApplication(): void
    {
        $application = $this->application();
        $application->beginTransaction();
        $application->query('SELECT COUNT(*) FROM secure_outbound_audit')->fetchAll();
        $this->sink->write(AuditEntries::complete());
        $application->rollBack();

        $this->assertIds(['id-1' => 'complete']);
    }

    public function testPurgeDeletesRowsByTheirAge(): void
    {
        foreach ([200, 91, 89, 0] as $age) {
            $time = gmdate('Y-m-d\TH:i:s', time() - $age * 86400) . '.000Z';
            $this->sink->write(AuditEntries::complete('age-' . $age, ['timestamp' => $time]));
        }

        self::assertSame(2, $this->sink->purge());
        $this->assertIds(['age-0' => 'complete', 'age-89' => 'complete']);
        self::assertSame(1, $this->sink->purge(1));
        self::assertSame(0, $this->sink->purge(1));
    }

    public function testPurgeDeletesMoreThanOneBatch(): void
    {
        $application = $this->application();
        $application->beginTransaction();
        $insert = $application->prepare(
            "INSERT INTO secure_outbound_audit (id, state, timestamp) VALUES (?, 'complete', '2020-01-01T00:00:00.000Z')",
        );
        foreach (range(1, 2500) as $number) {
            $insert->execute(['id-' . $number]);
        }
        $application->commit();

        self::assertSame(2500, $this->sink->purge());
    }

    public function testTheTableIsMadeOnce(): void
    {
        $this->sink->write(AuditEntries::complete());
        $this->sink->createTable();

        $this->assertIds(['id-1' => 'complete']);
    }

    public function testATableOfAnEarlierVersionGetsItsNewColumns(): void
    {
        $this->sink->write(AuditEntries::complete('old'));
        foreach (['attempt_errors', 'token_requests', 'sent'] as $column) {
            $this->application()->exec('ALTER TABLE secure_outbound_audit DROP COLUMN ' . $column);
        }
        $this->failure(fn () => $this->sink->write(AuditEntries::complete('lost')));
        $this->sink->createTable();
        $this->sink->write(AuditEntries::complete('new'));

        $this->assertIds(['new' => 'complete', 'old' => 'complete']);
        $rows = array_column($this->rows(), null, 'id');
        self::assertSame(
            [null, null, null],
            [$rows['old']['attempt_errors'], $rows['old']['token_requests'], $rows['old']['sent']],
        );
        self::assertSame('["http_503","response.too_large"]', $rows['new']['attempt_errors']);
        self::assertSame(AuditEntries::complete()->toArray()['token_requests'], $rows['new']['token_requests']);
        self::assertSame('yes', $rows['new']['sent']);
    }

    public function testAMissingTableIsAFailure(): void
    {
        $this->application()->exec('DROP TABLE secure_outbound_audit');

        $this->failure(fn () => $this->sink->begin(AuditEntries::intent()));
        $this->sink->createTable();
        $this->sink->begin(AuditEntries::intent());

        $this->assertIds(['id-1' => 'intent']);
    }

    public function testAChildProcessHasAConnectionOfItsOwn(): void
    {
        $this->sink->write(AuditEntries::complete('before'));
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                $this->sink->write(AuditEntries::complete('child'));
            } finally {
                // exit() would run PHPUnit's shutdown functions in the child.
                posix_kill(posix_getpid(), SIGKILL);
            }
        }
        pcntl_waitpid($child, $status);
        self::assertTrue(pcntl_wifsignaled($status));
        $this->sink->write(AuditEntries::complete('parent'));

        $this->assertIds(['before' => 'complete', 'child' => 'complete', 'parent' => 'complete']);
    }

    /** A second connection, beside that of the sink. */
    protected function application(): \PDO
    {
        $dsn = $this->dsn() . (str_starts_with($this->dsn(), 'mysql:') ? ';charset=utf8mb4' : '');
        return new \PDO($dsn, options: [\PDO::ATTR_TIMEOUT => 1]);
    }

    /**
     * @param array<string, string> $states the states of the entries, by ID
     */
    protected function assertIds(array $states): void
    {
        self::assertEquals($states, array_column($this->rows(), 'state', 'id'));
    }

    /** The message of the failure, after asserting that it holds no value of the record and has no previous exception. */
    protected function failure(callable $call): string
    {
        try {
            $call();
        } catch (AuditSinkException $exception) {
            self::assertNull($exception->getPrevious());
            self::assertStringNotContainsString(AuditEntries::RECORD['host'], $exception->getMessage());
            return $exception->getMessage();
        }
        self::fail('Nothing was thrown.');
    }

    /**
     * @return list<array<string, mixed>>
     */
    protected function rows(): array
    {
        return $this->application()->query('SELECT * FROM secure_outbound_audit')->fetchAll(\PDO::FETCH_ASSOC);
    }
}
