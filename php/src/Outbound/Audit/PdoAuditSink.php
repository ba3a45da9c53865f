<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * Stores each call as one row of the table secure_outbound_audit, in SQLite or MySQL (MariaDB as well). An intent is stored as a
 * row, and the completion replaces its values.
 *
 * The sink has a separate connection, so that a rollback of the application does not remove a record, and so that its time limits
 * apply to nothing else. It is opened for the first record, and again if the server has closed it.
 *
 * Times: SQLite waits for other writers up to the limit. MySQL counts in whole seconds, so the limit is rounded up there; a
 * silent server is given up a second later.
 *
 * @api
 */
final readonly class PdoAuditSink implements AuditSink, AuditRetention
{
    /** Rows that one statement of purge() deletes, so that it holds no lock for long. */
    private const BATCH = 1000;

    /** Of a new SQLite file. */
    private const MODE = 0640;

    private const NOT_STORED = 'the audit record was not stored in the database';

    private PdoConnection $connection;

    /**
     * @param string $dsn of PDO, "sqlite:/absolute/path" or "mysql:…"
     * @param int $timeoutMs time limit of one statement, and of opening the connection
     * @throws \InvalidArgumentException for another driver
     */
    public function __construct(
        #[\SensitiveParameter] string $dsn,
        #[\SensitiveParameter] ?string $user = null,
        #[\SensitiveParameter] ?string $password = null,
        int $timeoutMs = 2000,
    ) {
        $this->connection = new PdoConnection($dsn, $user, $password, $timeoutMs);
    }

    /**
     * The statements that create the table, for use by hand or in a migration.
     *
     * @param string $driver "sqlite" or "mysql"
     * @return list<string>
     */
    public static function schema(string $driver): array
    {
        return PdoSchema::statements($driver);
    }

    /**
     * Creates the table if it is missing, and adds the columns that the table of an earlier version lacks. A new SQLite file has
     * the mode 0640.
     *
     * @throws AuditSinkException
     */
    public function createTable(): void
    {
        $driver = $this->connection->driver;
        $this->connection->makeFile(self::MODE);
        try {
            foreach (self::schema($driver) as $statement) {
                $this->run('the audit table was not created', $statement);
            }
            foreach (PdoSchema::additions($this->connection->column(PdoSchema::columns($driver))) as $statement) {
                $this->run('the audit table was not extended', $statement);
            }
        } catch (\PDOException $exception) {
            throw AuditSinkException::fromPdo('the audit table was not read', $exception);
        }
    }

    public function write(AuditEntry $entry): void
    {
        $this->complete($entry);
    }

    public function begin(AuditEntry $intent): void
    {
        $this->run(self::NOT_STORED, PdoSchema::begin($this->connection->driver), PdoSchema::values($intent));
    }

    public function complete(AuditEntry $entry): void
    {
        $values = PdoSchema::values($entry);
        $values = [...$values, ...array_slice($values, 1)];
        $this->run(self::NOT_STORED, PdoSchema::complete($this->connection->driver), $values);
    }

    public function purge(int $days = self::DAYS): int
    {
        if ($days < 1) {
            throw new \InvalidArgumentException('audit records are kept for at least one day');
        }
        $before = new \DateTimeImmutable('@' . (time() - $days * 86400));
        $sql = PdoSchema::purge($this->connection->driver, self::BATCH);
        $deleted = 0;
        do {
            $rows = $this->run('old audit records were not deleted', $sql, [$before->format('Y-m-d\TH:i:s.v\Z')]);
            $deleted += $rows;
        } while ($rows === self::BATCH);
        return $deleted;
    }

    /**
     * @param list<string|int|null> $values
     */
    private function run(string $failure, string $sql, array $values = []): int
    {
        try {
            return $this->connection->run($sql, $values);
        } catch (\PDOException $exception) {
            throw AuditSinkException::fromPdo($failure, $exception);
        }
    }
}
