<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration\Audit;

use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

final class SqliteTest extends PdoTestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('sqlite');
        parent::setUp();
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    protected function dsn(): string
    {
        return 'sqlite:' . $this->directory->path . '/audit.db';
    }

    public function testANewFileIsReadableForOwnerAndGroupOnly(): void
    {
        self::assertSame(0640, fileperms($this->directory->path . '/audit.db') & 0777);
    }

    public function testALockedDatabaseIsWaitedForOnlySoLong(): void
    {
        $other = $this->application();
        $other->exec('BEGIN EXCLUSIVE');

        // The lock is released only after this failure, so a timeout must have ended the wait. PHP's default would be a minute.
        $start = hrtime(true);
        $message = $this->failure(fn () => $this->sink->begin(AuditEntries::intent('meanwhile')));
        self::assertLessThan(30e9, hrtime(true) - $start);
        $other->exec('COMMIT');
        $this->sink->begin(AuditEntries::intent('after'));

        self::assertSame(
            'the audit record was not stored in the database: it is locked (SQLSTATE HY000, code 5)',
            $message,
        );
        $this->assertIds(['after' => 'intent']);
    }

    public function testADatabaseThatCannotBeOpenedIsAFailure(): void
    {
        $sink = new PdoAuditSink('sqlite:/nonexistent/audit.db');

        $message = $this->failure(static fn () => $sink->write(AuditEntries::complete()));

        self::assertStringContainsString('it cannot be reached', $message);
    }

    public function testOtherDatabasesAreRefused(): void
    {
        $this->expectException(\InvalidArgumentException::class);
        new PdoAuditSink('pgsql:host=localhost');
    }
}
