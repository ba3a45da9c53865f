<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

use Netresearch\NrVault\Transport\System\NewFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The connection of PdoAuditSink: made when it is first needed, one for each process, with the time limits set.
 *
 * @internal
 */
final class PdoConnection
{
    /** A statement is repeated only while less than this part of the time limit is used. */
    private const REPEAT_WITHIN = 0.25;

    /** MySQL's error codes for a lost connection, and for a deadlock, which has rolled the statement back. */
    private const REPEATABLE = [2006, 2013, 1213];

    public readonly string $driver;
    private readonly \SensitiveParameterValue $arguments;
    private ?\PDO $pdo = null;
    private int $pid = 0;

    public function __construct(
        #[\SensitiveParameter] string $dsn,
        #[\SensitiveParameter] ?string $user,
        #[\SensitiveParameter] ?string $password,
        private readonly int $timeoutMs,
    ) {
        $this->driver = (string) strstr($dsn, ':', true);
        if (!in_array($this->driver, ['sqlite', 'mysql'], true) || $timeoutMs < 1) {
            throw new \InvalidArgumentException('the audit database is sqlite: or mysql:, and has a time limit');
        }
        $this->arguments = new \SensitiveParameterValue([$dsn, $user, $password]);
    }

    /** SQLite would make its file with the mode that the umask leaves. An existing file stays as it is. */
    public function makeFile(int $mode): void
    {
        [$dsn] = $this->arguments->getValue();
        $file = substr($dsn, strlen($this->driver) + 1);
        if ($this->driver === 'sqlite' && str_starts_with($file, '/')) {
            Quiet::call(static fn (): bool => NewFile::make($file, $mode));
        }
    }

    /**
     * Runs a statement that may run twice: it is repeated once after a lost connection or a deadlock. The warnings that MySQL's
     * client emits beside its exceptions are suppressed.
     *
     * @param list<string|int|null> $values
     * @return int the affected rows, as the driver counts them
     * @throws \PDOException
     */
    public function run(string $sql, array $values = []): int
    {
        $start = hrtime(true);
        try {
            return $this->runOnce($sql, $values);
        } catch (\PDOException $exception) {
            $isRepeatable = in_array($exception->errorInfo[1] ?? 0, self::REPEATABLE, true);
            if ($isRepeatable) {
                $this->pdo = null;
            }
            $used = (hrtime(true) - $start) / 1_000_000;
            if (!$isRepeatable || $used > $this->timeoutMs * self::REPEAT_WITHIN) {
                throw $exception;
            }
        }
        return $this->runOnce($sql, $values);
    }

    /**
     * The first column of the result of a query.
     *
     * @return list<string>
     * @throws \PDOException
     */
    public function column(string $sql): array
    {
        $pdo = $this->open();
        return Quiet::call(static function () use ($pdo, $sql): array {
            $found = $pdo->query($sql);
            return $found === false ? [] : array_values(array_filter($found->fetchAll(\PDO::FETCH_COLUMN), is_string(...)));
        });
    }

    /**
     * @param list<string|int|null> $values
     */
    private function runOnce(string $sql, array $values): int
    {
        $pdo = $this->open();
        return Quiet::call(static function () use ($pdo, $sql, $values): int {
            $statement = $pdo->prepare($sql);
            foreach ($values as $index => $value) {
                $type = is_int($value) ? \PDO::PARAM_INT : ($value === null ? \PDO::PARAM_NULL : \PDO::PARAM_STR);
                $statement->bindValue($index + 1, $value, $type);
            }
            $statement->execute();
            return $statement->rowCount();
        });
    }

    private function open(): \PDO
    {
        $pid = (int) getmypid();
        if ($this->pdo !== null && $this->pid !== $pid) {
            self::keep($this->pdo);
            $this->pdo = null;
        }
        $this->pid = $pid;
        return $this->pdo ??= $this->driver === 'mysql' ? $this->openMysql() : $this->openSqlite();
    }

    /** Holds a connection of the parent process open: to close it in this process would end it in the parent. */
    private static function keep(\PDO $inherited): void
    {
        /** @var list<\PDO> $kept */
        static $kept = [];
        $kept[] = $inherited;
    }

    private function openSqlite(): \PDO
    {
        $pdo = $this->connect([]);
        $pdo->exec('PRAGMA busy_timeout = ' . $this->timeoutMs);
        return $pdo;
    }

    /**
     * MySQL counts most of its limits in whole seconds. The client's own limit, for a silent server, is a second longer, so that
     * the server's limit is reached first.
     */
    private function openMysql(): \PDO
    {
        $seconds = intdiv($this->timeoutMs + 999, 1000);
        $before = ini_set('mysqlnd.net_read_timeout', (string) ($seconds + 1));
        try {
            $pdo = $this->connect([
                \PDO::ATTR_TIMEOUT => $seconds,
                \PDO::ATTR_EMULATE_PREPARES => false,
                \PDO::MYSQL_ATTR_MULTI_STATEMENTS => false,
                \PDO::MYSQL_ATTR_LOCAL_INFILE => false,
            ]);
        } finally {
            ini_set('mysqlnd.net_read_timeout', (string) $before);
        }
        $version = $pdo->getAttribute(\PDO::ATTR_SERVER_VERSION);
        $isMariaDb = is_string($version) && str_contains($version, 'MariaDB');
        Quiet::call(fn () => $pdo->exec(
            "SET NAMES utf8mb4, autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', lock_wait_timeout = $seconds, "
            . "innodb_lock_wait_timeout = $seconds"
            . ($isMariaDb ? ', max_statement_time = ' . $this->timeoutMs / 1000 : ''),
        ));
        return $pdo;
    }

    /**
     * @param array<int, mixed> $options
     */
    private function connect(array $options): \PDO
    {
        [$dsn, $user, $password] = $this->arguments->getValue();
        $options += [\PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION, \PDO::ATTR_PERSISTENT => false];
        return Quiet::call(static fn () => new \PDO($dsn, $user, $password, $options));
    }
}
