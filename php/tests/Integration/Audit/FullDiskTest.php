<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * A disk that becomes full while records are written, and has space again later. It is a small file system in memory, mounted for the
 * writers only.
 */
final class FullDiskTest extends TestCase
{
    /** Arguments: disk, its size, files to begin with, the sink, the PHP script, directory for the result, bytes to be freed later. */
    private const SCRIPT = <<<'SH'
        set -eu
        mount -t tmpfs -o "size=$2" tmpfs "$1"
        cp -a "$3/." "$1/"
        head -c "$7" /dev/zero > "$1/ballast"
        ! php "$5" "$4" full 100000 > "$6/full.log"
        rm "$1/ballast"
        php "$5" "$4" later 3 > "$6/later.log"
        cp -a "$1/." "$6/"
        SH;

    private TempDir $directory;

    /** The directories of the disk, of its files before, and of its files after. */
    private string $disk;
    private string $before;
    private string $after;

    protected function setUp(): void
    {
        $this->directory = new TempDir('full-disk');
        foreach (['disk', 'before', 'after'] as $name) {
            $this->{$name} = $this->directory->path . '/' . $name;
            mkdir($this->{$name});
        }
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @group own-network
     */
    public function testALineThatDoesNotFitIsTakenBack(): void
    {
        $this->fill('64k', 16_384, '1000000:' . $this->disk . '/audit.jsonl');

        $stored = $this->stored();
        $lines = (string) file_get_contents($this->after . '/audit.jsonl');
        self::assertStringEndsWith("\n", $lines);
        $completed = [];
        foreach (explode("\n", rtrim($lines, "\n")) as $line) {
            $row = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
            if ($row['state'] === AuditEntry::COMPLETE) {
                self::assertSame(AuditEntries::complete($row['id'])->toArray(), $row);
                $completed[] = $row['id'];
            }
        }
        self::assertSame($stored, $completed);
        self::assertStringContainsString(
            'the audit line could not be written: No space left on device',
            (string) file_get_contents($this->after . '/full.log'),
        );
    }

    /**
     * @group own-network
     */
    public function testSqliteKeepsWhatItHas(): void
    {
        (new PdoAuditSink('sqlite:' . $this->before . '/audit.db'))->createTable();
        $this->fill('768k', 262_144, 'sqlite:' . $this->disk . '/audit.db');

        $rows = (new \PDO('sqlite:' . $this->after . '/audit.db'))
            ->query("SELECT id FROM secure_outbound_audit WHERE state = 'complete' ORDER BY rowid")
            ->fetchAll(\PDO::FETCH_COLUMN);
        self::assertSame($this->stored(), $rows);
        self::assertStringContainsString(
            'the disk or the table is full (SQLSTATE HY000, code 13)',
            (string) file_get_contents($this->after . '/full.log'),
        );
    }

    private function fill(string $size, int $ballast, string $target): void
    {
        $run = Process::run([
            'unshare', ...(posix_geteuid() === 0 ? [] : ['--map-root-user']), '--mount',
            'sh', '-c', self::SCRIPT, 'sh',
            $this->disk, $size, $this->before, $target, dirname(__DIR__, 2) . '/Support/audit-writer.php', $this->after,
            (string) $ballast,
        ]);
        self::assertSame(['code' => 0, 'output' => ''], $run);
    }

    /**
     * The records that the writers reported as stored: some before the disk was full, three after there was space again.
     *
     * @return list<string>
     */
    private function stored(): array
    {
        $logs = file_get_contents($this->after . '/full.log') . file_get_contents($this->after . '/later.log');
        preg_match_all('/^stored (\S+)$/m', $logs, $ids);
        self::assertGreaterThan(10, count($ids[1]));
        self::assertSame(['later-0', 'later-1', 'later-2'], array_slice($ids[1], -3));
        return $ids[1];
    }
}
