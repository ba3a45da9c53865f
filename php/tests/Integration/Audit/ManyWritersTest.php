<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Server\MariaDb;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * Several processes write to one sink at the same time, and no record is lost, broken or stored twice.
 */
final class ManyWritersTest extends TestCase
{
    private const WRITERS = 8;

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('writers');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testJsonLinesWhileTheFileIsPutAsideAllTheTime(): void
    {
        $file = $this->directory->path . '/audit.jsonl';
        $taken = [];
        $meanwhile = function () use ($file, &$taken): void {
            // A log collector may read and delete the file once it has renamed it and holds its lock.
            if (@rename($file, $file . '.taken')) {
                $handle = fopen($file . '.taken', 'r');
                flock($handle, LOCK_EX);
                $taken[] = (string) stream_get_contents($handle);
                unlink($file . '.taken');
                fclose($handle);
            }
            (new JsonLinesAuditSink($file, timeoutMs: 30_000))->purge();
        };
        $this->write('20000:' . $file, 200, $meanwhile);

        $parts = [...$taken, ...array_map(file_get_contents(...), glob($file . '*') ?: [])];
        $states = [];
        foreach (array_filter($parts) as $part) {
            self::assertLessThanOrEqual(20_000, strlen($part));
            foreach (explode("\n", rtrim($part, "\n")) as $line) {
                $row = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
                $whole = $row['state'] === AuditEntry::INTENT
                    ? AuditEntries::intent($row['id'])
                    : AuditEntries::complete($row['id']);
                self::assertSame($whole->toArray(), $row);
                $states[$row['id']][] = $row['state'];
            }
        }
        self::assertGreaterThan(20, count($parts), 'the file was put aside many times');
        self::assertEqualsCanonicalizing(self::ids(200), array_keys($states));
        foreach ($states as $ofOne) {
            self::assertEqualsCanonicalizing(['intent', 'complete'], $ofOne);
        }
    }

    public function testSqlite(): void
    {
        $this->assertEveryRow('sqlite:' . $this->directory->path . '/audit.db', 25);
    }

    public function testMysql(): void
    {
        $server = new MariaDb();
        try {
            $this->assertEveryRow($server->dsn, 100);
        } finally {
            $server->stop();
        }
    }

    private function assertEveryRow(string $dsn, int $count): void
    {
        $sink = new PdoAuditSink($dsn, timeoutMs: 30_000);
        $sink->createTable();
        $this->write($dsn, $count, static fn () => $sink->purge());

        $rows = (new \PDO($dsn))->query('SELECT id, state FROM secure_outbound_audit')->fetchAll(\PDO::FETCH_KEY_PAIR);
        self::assertEqualsCanonicalizing(self::ids($count), array_keys($rows));
        self::assertSame(['complete'], array_values(array_unique($rows)));
    }

    /**
     * @param callable(): mixed $meanwhile called again and again while the processes write
     */
    private function write(string $target, int $count, callable $meanwhile): void
    {
        $writers = [];
        foreach (range(1, self::WRITERS) as $number) {
            $writers[] = AuditEntries::writer($this->directory, $target, 'w' . $number, $count);
        }
        Poll::until(static function () use ($writers, $meanwhile): bool {
            $meanwhile();
            return array_filter($writers, static fn ($writer): bool => $writer->isRunning()) === [];
        }, 'the writers', 120.0);
        foreach ($writers as $writer) {
            self::assertStringNotContainsString('failed', $writer->log());
            self::assertSame($count, substr_count($writer->log(), 'stored '), $writer->log());
        }
    }

    /**
     * @return list<string>
     */
    private static function ids(int $count): array
    {
        $ids = [];
        foreach (range(1, self::WRITERS) as $writer) {
            foreach (range(0, $count - 1) as $number) {
                $ids[] = 'w' . $writer . '-' . $number;
            }
        }
        return $ids;
    }
}
