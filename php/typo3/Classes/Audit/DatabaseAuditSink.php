<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Audit;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\Driver\Exception as DriverException;
use Doctrine\DBAL\Exception;
use Doctrine\DBAL\Exception\UniqueConstraintViolationException;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRetention;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;

/**
 * Stores each call as one row of tx_nrvault_outbound_audit. An intent is stored as a row, and the completion replaces its values.
 *
 * @internal
 */
final readonly class DatabaseAuditSink implements AuditSink, AuditRetention
{
    /** Rows that one statement of purge() deletes, so that it holds no lock for long. */
    private const BATCH = 1000;

    public function __construct(private AuditConnection $connection)
    {
    }

    public function write(AuditEntry $entry): void
    {
        $this->begin($entry);
    }

    public function begin(AuditEntry $intent): void
    {
        $row = AuditRows::of($intent) + ['crdate' => time()];
        $this->run('was not stored', static function (Connection $connection) use ($row): void {
            try {
                $connection->insert(AuditRows::TABLE, $row);
            } catch (UniqueConstraintViolationException) {
                // The first attempt had stored the row before the connection broke.
            }
        });
    }

    public function complete(AuditEntry $entry): void
    {
        $row = AuditRows::of($entry);
        $this->run('was not completed', static function (Connection $connection) use ($row): void {
            if ($connection->update(AuditRows::TABLE, $row, ['id' => $row['id']]) > 0) {
                return;
            }
            // Either somebody has deleted the intent, or the row has these values already: MySQL counts only rows that an update
            // changes.
            try {
                $connection->insert(AuditRows::TABLE, $row + ['crdate' => time()]);
            } catch (UniqueConstraintViolationException) {
                // The first attempt had completed the row before the connection broke.
            }
        });
    }

    public function purge(int $days = self::DAYS): int
    {
        if ($days < 1) {
            throw new \InvalidArgumentException('audit records are kept for at least one day', 1795910406);
        }
        $before = time() - $days * 86400;
        $deleted = 0;
        do {
            $rows = $this->run('was not deleted', static fn (Connection $connection): int => self::purgeSome($connection, $before));
            $deleted += $rows;
        } while ($rows === self::BATCH);
        return $deleted;
    }

    private static function purgeSome(Connection $connection, int $before): int
    {
        $query = $connection->createQueryBuilder();
        $uids = $query->select('uid')->from(AuditRows::TABLE)
            ->where($query->expr()->lt('crdate', (string) $before))
            ->orderBy('uid')
            ->setMaxResults(self::BATCH)
            ->executeQuery()
            ->fetchFirstColumn();
        if ($uids === []) {
            return 0;
        }
        $delete = $connection->createQueryBuilder();
        $numbers = array_map(static fn (mixed $uid): string => is_numeric($uid) ? (string) (int) $uid : '0', $uids);
        return (int) $delete->delete(AuditRows::TABLE)->where($delete->expr()->in('uid', $numbers))->executeStatement();
    }

    /**
     * @template T
     * @param \Closure(Connection): T $statement
     * @return T
     * @throws AuditSinkException its message has no value of the record, as a driver's message may have
     */
    private function run(string $what, \Closure $statement): mixed
    {
        try {
            return $this->connection->run($statement);
        } catch (Exception $failure) {
            $driver = $failure->getPrevious();
            $state = $driver instanceof DriverException ? (string) $driver->getSQLState() : '';
            throw new AuditSinkException(sprintf(
                'the audit record %s in the database: %s (SQLSTATE %s, code %d)',
                $what,
                (new \ReflectionClass($failure))->getShortName(),
                $state === '' ? '?' : $state,
                $failure->getCode(),
            ));
        }
    }
}
