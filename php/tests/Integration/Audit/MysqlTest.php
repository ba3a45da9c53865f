<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration\Audit;

use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Audit\PdoConnection;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Server\MariaDb;

/**
 * PdoAuditSink with a MySQL server.
 */
final class MysqlTest extends PdoTestCase
{
    private static MariaDb $server;

    public static function setUpBeforeClass(): void
    {
        self::$server = new MariaDb();
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
    }

    protected function setUp(): void
    {
        self::$server->connection()->exec('DROP TABLE IF EXISTS secure_outbound_audit');
        parent::setUp();
    }

    protected function dsn(): string
    {
        return self::$server->dsn;
    }

    public function testALockedTableIsWaitedForOnlySoLong(): void
    {
        $other = $this->application();
        $other->exec('LOCK TABLES secure_outbound_audit WRITE');

        // The lock is released only after this failure, so the timeout must have ended the wait.
        $message = $this->failure(fn () => $this->sink->begin(AuditEntries::intent('meanwhile')));
        $other->exec('UNLOCK TABLES');
        $this->sink->begin(AuditEntries::intent('after'));

        self::assertStringContainsString('a lock was not free in time', $message);
        $this->assertIds(['after' => 'intent']);
    }

    public function testALockedRowIsWaitedForOnlySoLong(): void
    {
        $this->sink->begin(AuditEntries::intent());
        $other = $this->application();
        $other->beginTransaction();
        $other->query("SELECT id FROM secure_outbound_audit WHERE id = 'id-1' FOR UPDATE")->fetchAll();

        $message = $this->failure(fn () => $this->sink->complete(AuditEntries::complete()));
        $other->rollBack();
        $this->sink->complete(AuditEntries::complete());

        self::assertStringContainsString('a lock was not free in time', $message);
        $this->assertIds(['id-1' => 'complete']);
    }

    /**
     * @dataProvider connections
     */
    public function testAServerThatDoesNotAnswerIsGivenUp(bool $connected): void
    {
        if ($connected) {
            $this->sink->begin(AuditEntries::intent('before'));
        } else {
            $this->sink = new PdoAuditSink($this->dsn(), timeoutMs: 300);
        }
        self::$server->freeze();
        try {
            // The server continues only after this failure, so the timeout must have ended the wait.
            $message = $this->failure(fn () => $this->sink->begin(AuditEntries::intent('meanwhile')));
        } finally {
            self::$server->wakeUp();
        }
        $this->sink->begin(AuditEntries::intent('after'));

        self::assertStringContainsString('the connection was lost, or no response came in time', $message);
        self::assertContains('after', array_column($this->rows(), 'id'));
    }

    /**
     * @return iterable<string, array{bool}>
     */
    public static function connections(): iterable
    {
        yield 'while connected' => [true];
        yield 'while connecting' => [false];
    }

    public function testAConnectionThatTheServerHasClosedIsMadeAnew(): void
    {
        $this->sink->begin(AuditEntries::intent());
        $other = $this->application();
        $mine = (int) $other->query('SELECT CONNECTION_ID()')->fetchColumn();
        $all = $other->query('SELECT id FROM information_schema.processlist WHERE db = \'audit\'');
        foreach ($all->fetchAll(\PDO::FETCH_COLUMN) as $id) {
            if ((int) $id !== $mine) {
                $other->exec('KILL ' . (int) $id);
            }
        }

        $this->sink->complete(AuditEntries::complete());

        $this->assertIds(['id-1' => 'complete']);
    }

    public function testEveryLimitOfTheServerIsSet(): void
    {
        $connection = new PdoConnection($this->dsn(), null, null, 1200);

        $set = $connection->run(
            'SELECT 1 FROM DUAL WHERE @@lock_wait_timeout = 2 AND @@innodb_lock_wait_timeout = 2'
            . " AND @@max_statement_time = 1.2 AND @@autocommit = 1 AND @@sql_mode = 'STRICT_ALL_TABLES'",
        );

        self::assertSame(1, $set);
    }

    public function testTheSettingOfTheHostIsAsItWas(): void
    {
        $before = ini_get('mysqlnd.net_read_timeout');

        $this->sink->write(AuditEntries::complete());

        self::assertSame($before, ini_get('mysqlnd.net_read_timeout'));
    }

    public function testAWrongServerIsAFailureWithoutThePassword(): void
    {
        $sink = new PdoAuditSink('mysql:unix_socket=/nonexistent/socket;dbname=audit', 'audit', 'c4n4ry-9b1f');

        $message = $this->failure(static fn () => $sink->write(AuditEntries::complete()));

        self::assertStringContainsString('it cannot be reached', $message);
        self::assertStringNotContainsString('c4n4ry', print_r($sink, true));
    }
}
