<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Audit\JsonLinesHandle;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

final class JsonLinesAuditSinkTest extends TestCase
{
    private const DAY = 86400;

    private TempDir $directory;
    private string $file;

    protected function setUp(): void
    {
        $this->directory = new TempDir('audit');
        $this->file = $this->directory->path . '/audit.jsonl';
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testACallIsOneLineWithEveryColumn(): void
    {
        $sink = new JsonLinesAuditSink($this->file);

        $sink->write(AuditEntries::complete('a'));
        $sink->write(AuditEntries::complete('b'));

        $rows = array_map(static fn (AuditEntry $entry): array => $entry->toArray(), [AuditEntries::complete('a'), AuditEntries::complete('b')]);
        self::assertSame($rows, self::rows($this->file));
    }

    public function testACallWithAnIntentIsTwoLinesOfOneId(): void
    {
        $sink = new JsonLinesAuditSink($this->file);

        $sink->begin(AuditEntries::intent('a'));
        $sink->complete(AuditEntries::complete('a'));

        $rows = self::rows($this->file);
        self::assertSame(['a', 'a'], array_column($rows, 'id'));
        self::assertSame(['intent', 'complete'], array_column($rows, 'state'));
    }

    public function testANewFileIsReadableForOwnerAndGroupOnlyWhateverTheUmask(): void
    {
        $before = umask(0);
        try {
            (new JsonLinesAuditSink($this->file))->write(AuditEntries::complete());
            self::assertSame(0, umask());
        } finally {
            umask($before);
        }

        self::assertSame(0640, fileperms($this->file) & 0777);
    }

    public function testAFileThatWouldGrowAboveItsSizeIsPutAsideFirst(): void
    {
        $line = strlen(AuditRow::json(AuditEntries::complete('0')->toArray())) + 1;
        $sink = new JsonLinesAuditSink($this->file, 2 * $line);

        foreach (range(0, 4) as $id) {
            $sink->write(AuditEntries::complete((string) $id));
        }

        [$first, $second] = $this->aside();
        self::assertSame(['0', '1'], array_column(self::rows($first), 'id'));
        self::assertSame(['2', '3'], array_column(self::rows($second), 'id'));
        self::assertSame(['4'], array_column(self::rows($this->file), 'id'));
        self::assertSame(0640, fileperms($first) & 0777);
    }

    public function testALineThatIsLongerThanTheSizeIsWrittenAllTheSame(): void
    {
        $sink = new JsonLinesAuditSink($this->file, 1);

        $sink->write(AuditEntries::complete('a'));
        $sink->write(AuditEntries::complete('b'));

        self::assertSame(['b'], array_column(self::rows($this->file), 'id'));
        self::assertCount(1, $this->aside());
    }

    public function testTheFirstLineOfADayBeginsAFile(): void
    {
        $sink = new JsonLinesAuditSink($this->file);
        $sink->write(AuditEntries::complete('yesterday'));
        touch($this->file, time() - self::DAY);

        $sink->write(AuditEntries::complete('today'));

        self::assertSame(['today'], array_column(self::rows($this->file), 'id'));
        self::assertSame(['yesterday'], array_column(self::rows($this->aside()[0]), 'id'));
    }

    public function testAFileThatAnotherProgramPutAsideIsLeftAlone(): void
    {
        $sink = new JsonLinesAuditSink($this->file);
        $sink->write(AuditEntries::complete('a'));
        rename($this->file, $this->file . '.1');

        $sink->write(AuditEntries::complete('b'));

        self::assertSame(['a'], array_column(self::rows($this->file . '.1'), 'id'));
        self::assertSame(['b'], array_column(self::rows($this->file), 'id'));
    }

    public function testAfterATornLineTheNextIsWhole(): void
    {
        file_put_contents($this->file, '{"id":"to');

        (new JsonLinesAuditSink($this->file))->write(AuditEntries::complete('whole'));

        [$torn, $whole] = file($this->file, FILE_IGNORE_NEW_LINES);
        self::assertSame('{"id":"to', $torn);
        self::assertSame('whole', json_decode($whole, true)['id']);
    }

    public function testATornLineOfAnotherProcessIsSeenByASinkThatHasTheFileOpen(): void
    {
        $sink = new JsonLinesAuditSink($this->file);
        $sink->write(AuditEntries::complete('a'));
        file_put_contents($this->file, '{"id":"torn', FILE_APPEND);
        $sink->write(AuditEntries::complete('b'));
        $sink->write(AuditEntries::complete('c'));

        $lines = explode("\n", (string) file_get_contents($this->file));
        self::assertSame(5, count($lines));
        self::assertSame(['{"id":"torn', ''], [$lines[1], $lines[4]]);
    }

    public function testALockThatIsHeldIsWaitedForOnlySoLong(): void
    {
        $sink = new JsonLinesAuditSink($this->file, timeoutMs: 50);
        $sink->write(AuditEntries::complete('before'));
        $other = fopen($this->file, 'r');
        flock($other, LOCK_EX);

        // The lock is released only after the failure, so nothing but the time limit can have ended the wait.
        $message = $this->failure(static fn () => $sink->begin(AuditEntries::intent('meanwhile')));
        flock($other, LOCK_UN);
        $sink->write(AuditEntries::complete('after'));

        self::assertSame('other writers held the audit file for too long', $message);
        self::assertSame(['before', 'after'], array_column(self::rows($this->file), 'id'));
    }

    public function testTheFileStaysOpenFromLineToLineAndNoLongerThanTheSink(): void
    {
        $sink = new JsonLinesAuditSink($this->file);
        $sink->write(AuditEntries::complete('a'));
        $first = $this->descriptors();
        $sink->write(AuditEntries::complete('b'));

        self::assertCount(1, $first);
        self::assertSame($first, $this->descriptors());
        $inherited = Process::run(['sh', '-c', 'readlink /proc/self/fd/* || true'])['output'];
        self::assertStringNotContainsString($this->file, $inherited);
        unset($sink);
        self::assertSame([], $this->descriptors());
    }

    public function testAForkedChildDoesNotShareTheLockOfItsParent(): void
    {
        $sink = new JsonLinesAuditSink($this->file, timeoutMs: 50);
        $sink->write(AuditEntries::complete('parent'));
        $lock = static function () use ($sink): void {
            $kept = (fn (): JsonLinesHandle => $this->kept)->call($sink);
            $opened = $kept->take() ?? self::fail('The file is not open.');
            flock($opened['handle'], LOCK_EX);
            $kept->put($opened);
        };
        $lock();
        $child = pcntl_fork();
        if ($child === 0) {
            $message = 'written';
            try {
                $sink->write(AuditEntries::complete('child'));
            } catch (AuditSinkException $exception) {
                $message = $exception->getMessage();
            }
            file_put_contents($this->file . '.child', $message);
            posix_kill(posix_getpid(), SIGKILL);
        }
        pcntl_waitpid($child, $status);
        $sink->write(AuditEntries::complete('parent again'));

        $message = file_get_contents($this->file . '.child');
        self::assertSame('other writers held the audit file for too long', $message);
        self::assertSame(['parent', 'parent again'], array_column(self::rows($this->file), 'id'));
    }

    public function testWhatIsNoRegularFileIsRefusedBeforeItCanBlock(): void
    {
        posix_mkfifo($this->file, 0600);

        foreach (['/dev/full', $this->file, $this->directory->path] as $file) {
            $sink = new JsonLinesAuditSink($file);
            $message = $this->failure(static fn () => $sink->write(AuditEntries::complete()));
            self::assertSame('the audit file is not a regular file', $message);
        }
    }

    public function testAMissingDirectoryIsAFailureThatSaysSo(): void
    {
        $sink = new JsonLinesAuditSink('/nonexistent/audit.jsonl');

        $message = $this->failure(static fn () => $sink->write(AuditEntries::complete()));

        self::assertSame('the audit file cannot be opened: No such file or directory', $message);
    }

    public function testPurgeDeletesWhatIsOlderAndNothingElse(): void
    {
        $sink = new JsonLinesAuditSink($this->file);
        foreach ([91, 89, 1, 0] as $age) {
            $sink->write(AuditEntries::complete('first of ' . $age));
            $sink->write(AuditEntries::complete('second of ' . $age));
            touch($this->file, time() - $age * self::DAY);
        }
        foreach (['audit.jsonl.bak', 'other.jsonl.20200101T000000.000000Z-0000'] as $name) {
            touch($this->directory->write($name, "x\n"), time() - 400 * self::DAY);
        }

        self::assertSame(2, $sink->purge());
        self::assertSame(2, $sink->purge(88));
        self::assertSame(0, $sink->purge(88));
        self::assertSame(['first of 1', 'second of 1'], array_column(self::rows($this->aside()[0]), 'id'));
        self::assertSame(['first of 0', 'second of 0'], array_column(self::rows($this->file), 'id'));
        self::assertFileExists($this->file . '.bak');
        self::assertFileExists($this->directory->path . '/other.jsonl.20200101T000000.000000Z-0000');
    }

    public function testPurgeReachesAFileThatNobodyWritesToAnyMore(): void
    {
        $sink = new JsonLinesAuditSink($this->file);
        $sink->write(AuditEntries::complete());
        touch($this->file, time() - 91 * self::DAY);

        self::assertSame(1, $sink->purge());
        self::assertSame([], $this->aside());
    }

    public function testPurgeWithoutAFileDeletesNothing(): void
    {
        self::assertSame(0, (new JsonLinesAuditSink($this->file))->purge());
        self::assertFileDoesNotExist($this->file);
    }

    /**
     * @dataProvider arguments
     */
    public function testImpossibleArgumentsAreRefused(callable $call): void
    {
        $this->expectException(\InvalidArgumentException::class);
        $call();
    }

    /**
     * @return iterable<string, array{callable}>
     */
    public static function arguments(): iterable
    {
        yield 'a relative path' => [static fn () => new JsonLinesAuditSink('audit.jsonl')];
        yield 'a stream' => [static fn () => new JsonLinesAuditSink('ftp://host/audit.jsonl')];
        yield 'no size' => [static fn () => new JsonLinesAuditSink('/a', 0)];
        yield 'no time' => [static fn () => new JsonLinesAuditSink('/a', timeoutMs: 0)];
        yield 'no days' => [static fn () => (new JsonLinesAuditSink('/a'))->purge(0)];
    }

    private function failure(callable $call): string
    {
        try {
            $call();
        } catch (AuditSinkException $exception) {
            return $exception->getMessage();
        }
        self::fail('Nothing was thrown.');
    }

    /**
     * @return list<string> this process's descriptors of the file
     */
    private function descriptors(): array
    {
        $isFile = fn (string $link): bool => @readlink($link) === $this->file;
        return array_values(array_filter(glob('/proc/self/fd/*') ?: [], $isFile));
    }

    /**
     * @return list<string> the files that were put aside, the oldest first
     */
    private function aside(): array
    {
        return glob($this->file . '.2*T*Z-*') ?: [];
    }

    /**
     * @return list<array<string, mixed>>
     */
    private static function rows(string $file): array
    {
        $decode = static fn (string $line): array => json_decode($line, true, flags: JSON_THROW_ON_ERROR);
        return array_map($decode, file($file, FILE_IGNORE_NEW_LINES) ?: []);
    }
}
