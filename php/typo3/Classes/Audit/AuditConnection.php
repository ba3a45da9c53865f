<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Audit;

use Doctrine\DBAL\Connection as DoctrineConnection;
use Doctrine\DBAL\DriverManager;
use Doctrine\DBAL\Exception\DriverException;
use Netresearch\NrSecureOutbound\Registry\Cell;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;

/**
 * The database connection of the audit records. It is a separate connection, so that a rollback of a transaction around the call
 * does not remove the record, and so that its time limits apply to nothing else.
 *
 * SQLite has one writer at a time, which may be the transaction around the call. With SQLite the records therefore share TYPO3's
 * connection, and a rollback removes them as well.
 *
 * @internal
 */
final class AuditConnection
{
    /** A time limit. MySQL counts most of its limits in whole seconds. */
    private const SECONDS = 2;

    /** A lost connection is opened again only while less than this part of the time limit is used. */
    private const REPEAT_WITHIN = 0.25;

    /** MySQL's error codes for a lost connection, and for a deadlock, which has rolled the statement back. */
    private const REPEATABLE = [2006, 2013, 4031, 1213];

    private ?DoctrineConnection $connection = null;

    private int $process = 0;

    public function __construct(private readonly ConnectionPool $connections)
    {
    }

    /**
     * Runs a statement that may run twice: it is repeated once if the server has closed the connection since the last record.
     *
     * @template T
     * @param \Closure(DoctrineConnection): T $statement
     * @return T
     * @throws \Doctrine\DBAL\Exception
     */
    public function run(\Closure $statement): mixed
    {
        $start = hrtime(true);
        try {
            return $statement($this->open());
        } catch (DriverException $failure) {
            $used = (hrtime(true) - $start) / 1_000_000_000;
            $isRepeatable = $this->connection !== null && in_array($failure->getCode(), self::REPEATABLE, true);
            if ($isRepeatable) {
                $this->connection->close();
                $this->connection = null;
            }
            if (!$isRepeatable || $used > self::SECONDS * self::REPEAT_WITHIN) {
                throw $failure;
            }
        }
        return $statement($this->open());
    }

    private function open(): DoctrineConnection
    {
        $shared = $this->connections->getConnectionForTable(AuditRows::TABLE);
        if (self::isShared($shared)) {
            return $shared;
        }
        $process = (int) getmypid();
        if ($this->connection !== null && $this->process !== $process) {
            self::keep($this->connection);
            $this->connection = null;
        }
        $this->process = $process;
        return $this->connection ??= self::another($shared);
    }

    /** Holds a connection of the parent process open: to close it in this process would end it in the parent. */
    private static function keep(DoctrineConnection $inherited): void
    {
        /** @var list<DoctrineConnection> $kept */
        static $kept = [];
        $kept[] = $inherited;
    }

    private static function isShared(Connection $connection): bool
    {
        return ($connection->getParams()['driver'] ?? '') === 'pdo_sqlite';
    }

    private static function another(Connection $shared): DoctrineConnection
    {
        $parameters = $shared->getParams();
        $options = $parameters['driverOptions'] ?? [];
        // A persistent connection may be in use by others, with their time limits and their transaction.
        unset($parameters['persistent'], $options[\PDO::ATTR_PERSISTENT]);
        $parameters['driverOptions'] = self::limits($parameters['driver'] ?? '') + $options;
        $connection = DriverManager::getConnection($parameters, $shared->getConfiguration());
        if ($connection instanceof Connection) {
            // TYPO3's own key; Doctrine does not know it.
            $connection->prepareConnection(Cell::text($parameters, 'initCommands'));
        }
        // When PDO connects, it takes the time limit for a silent server from this setting.
        $before = ini_set('mysqlnd.net_read_timeout', (string) (self::SECONDS + 1));
        try {
            $connection->getNativeConnection();
        } finally {
            ini_set('mysqlnd.net_read_timeout', (string) $before);
        }
        return $connection;
    }

    /**
     * @return array<int, int|string>
     */
    private static function limits(string $driver): array
    {
        $seconds = self::SECONDS;
        $session = "SET SESSION innodb_lock_wait_timeout = $seconds, SESSION lock_wait_timeout = $seconds";
        return match ($driver) {
            'mysqli' => [
                MYSQLI_OPT_CONNECT_TIMEOUT => $seconds,
                MYSQLI_OPT_READ_TIMEOUT => $seconds + 1,
                MYSQLI_INIT_COMMAND => $session,
            ],
            'pdo_mysql' => [\PDO::ATTR_TIMEOUT => $seconds, \PDO::MYSQL_ATTR_INIT_COMMAND => $session],
            'pdo_pgsql' => [\PDO::ATTR_TIMEOUT => $seconds],
            default => [],
        };
    }
}
