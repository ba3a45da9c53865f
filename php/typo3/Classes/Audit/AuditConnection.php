<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Audit;

use Doctrine\DBAL\Connection as DoctrineConnection;
use Doctrine\DBAL\DriverManager;
use Doctrine\DBAL\Exception\ConnectionLost;
use Netresearch\NrSecureOutbound\Registry\Cell;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;

/**
 * The database connection of the audit records. It is one of its own: a record must not vanish with a transaction that is
 * rolled back around the call, and its time limits are its alone.
 *
 * SQLite has one writer at a time, which may be the transaction around the call: there the records share TYPO3's connection,
 * and a rollback takes them along.
 *
 * @internal
 */
final class AuditConnection
{
    /** Of MySQL, which counts most of its limits in whole seconds. */
    private const SECONDS = 2;

    private ?DoctrineConnection $connection = null;

    private int $process = 0;

    public function __construct(private readonly ConnectionPool $connections)
    {
    }

    /**
     * Runs what may run twice: it is repeated once where the server has closed the connection since the last record.
     *
     * @template T
     * @param \Closure(DoctrineConnection): T $statement
     * @return T
     * @throws \Doctrine\DBAL\Exception
     */
    public function run(\Closure $statement): mixed
    {
        try {
            return $statement($this->open());
        } catch (ConnectionLost $lost) {
            if ($this->connection === null) {
                throw $lost;
            }
            $this->connection->close();
        }
        return $statement($this->open());
    }

    private function open(): DoctrineConnection
    {
        $shared = $this->connections->getConnectionForTable(AuditRows::TABLE);
        if (self::isShared($shared)) {
            return $shared;
        }
        // A forked child's statements must not go out on its parent's connection.
        if ($this->connection === null || $this->process !== getmypid()) {
            $this->connection = self::another($shared);
            $this->process = (int) getmypid();
        }
        return $this->connection;
    }

    private static function isShared(Connection $connection): bool
    {
        return ($connection->getParams()['driver'] ?? '') === 'pdo_sqlite';
    }

    private static function another(Connection $shared): DoctrineConnection
    {
        $parameters = $shared->getParams();
        $parameters['driverOptions'] = self::limits($parameters['driver'] ?? '') + ($parameters['driverOptions'] ?? []);
        $connection = DriverManager::getConnection($parameters, $shared->getConfiguration());
        if ($connection instanceof Connection) {
            // A key of TYPO3's own, which Doctrine does not know.
            $connection->prepareConnection(Cell::text($parameters, 'initCommands'));
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
