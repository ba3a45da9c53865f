<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A MySQL server for one test: Debian's mariadbd on a Unix socket in a new directory, without users and without a network.
 */
final class MariaDb
{
    public readonly string $dsn;
    private readonly Process $process;
    private readonly TempDir $directory;

    /**
     * @param bool $isLogged whether the server writes down each statement
     */
    public function __construct(bool $isLogged = false)
    {
        $this->directory = new TempDir('mariadb');
        $path = $this->directory->path;
        mkdir($path . '/data');
        $this->process = new Process([
            'mariadbd', '--no-defaults', '--datadir=' . $path . '/data', '--socket=' . $path . '/socket',
            '--pid-file=' . $path . '/pid', '--skip-networking', '--skip-grant-tables', '--innodb-log-file-size=8M',
            '--innodb-flush-log-at-trx-commit=2', '--general-log-file=' . $path . '/statements',
            ...($isLogged ? ['--general-log'] : []), ...(posix_geteuid() === 0 ? ['--user=root'] : []),
        ], $path . '/mariadbd.log');
        $server = 'mysql:unix_socket=' . $path . '/socket';
        $this->process->waitUntil(static fn (): bool => self::createDatabase($server), 'mariadbd');
        $this->dsn = $server . ';dbname=audit';
    }

    /** Returns false until the server listens, since the socket's file exists before. */
    private static function createDatabase(string $server): bool
    {
        try {
            $connection = new \PDO($server);
        } catch (\PDOException) {
            return false;
        }
        return $connection->exec('CREATE DATABASE audit') !== false;
    }

    /**
     * Creates a database beside the first one.
     *
     * @return string its DSN
     */
    public function database(string $name): string
    {
        $this->connection()->exec("CREATE DATABASE $name");
        return substr($this->dsn, 0, -strlen('audit')) . $name;
    }

    /** A second connection, beside the one that is tested. */
    public function connection(): \PDO
    {
        return new \PDO($this->dsn);
    }

    /**
     * @return list<string> the first lines of the statements that the server has executed, if it writes them down
     */
    public function statements(): array
    {
        preg_match_all('/\b(?:Query|Execute)\t(.*)/', (string) file_get_contents($this->directory->path . '/statements'), $statements);
        return $statements[1];
    }

    /** Stops all threads of the server until wakeUp(); its socket stays open. */
    public function freeze(): void
    {
        posix_kill($this->process->pid, SIGSTOP);
        // Each thread runs until the signal has reached it.
        Poll::until(fn (): bool => $this->states() === ['T'], 'a server that stands still');
    }

    /**
     * @return list<string> the states of the server's threads in /proc, each once
     */
    private function states(): array
    {
        $lines = array_map(file_get_contents(...), glob('/proc/' . $this->process->pid . '/task/*/stat') ?: []);
        $after = static fn (string|false $line): string => substr((string) strrchr((string) $line, ')'), 2, 1);
        return array_values(array_unique(array_map($after, $lines)));
    }

    public function wakeUp(): void
    {
        posix_kill($this->process->pid, SIGCONT);
    }

    public function stop(): void
    {
        $this->wakeUp();
        $this->process->stop();
        $this->directory->remove();
    }
}
