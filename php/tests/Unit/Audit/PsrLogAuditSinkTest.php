<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\PsrLogAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Double\RecordingLogger;
use PHPUnit\Framework\TestCase;
use Psr\Log\LoggerInterface;

final class PsrLogAuditSinkTest extends TestCase
{
    public function testARecordIsOneLogEntryWithTheColumnsAsContext(): void
    {
        $logger = new RecordingLogger();
        $entry = AuditEntries::complete();

        (new PsrLogAuditSink($logger))->write($entry);

        $logged = ['level' => 'info', 'message' => 'Outbound call', 'context' => $entry->toArray()];
        self::assertSame([$logged], $logger->records);
    }

    public function testAnIntentAndItsEndAreTwo(): void
    {
        $logger = new RecordingLogger();
        $sink = new PsrLogAuditSink($logger);

        $sink->begin(AuditEntries::intent());
        $sink->complete(AuditEntries::complete());

        self::assertSame(['Outbound call begins', 'Outbound call'], array_column($logger->records, 'message'));
        self::assertSame(['intent', 'complete'], array_map(
            static fn (array $record): string => $record['context']['state'],
            $logger->records,
        ));
    }

    /**
     * @dataProvider outcomes
     */
    public function testTheLevelTellsHowItWent(string $outcome, string $level): void
    {
        $logger = new RecordingLogger();
        $entry = new AuditEntry('id-1', AuditEntry::COMPLETE, $outcome, AuditEntries::RECORD);

        (new PsrLogAuditSink($logger, 'debug', 'error'))->write($entry);

        self::assertSame([$level], array_column($logger->records, 'level'));
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function outcomes(): iterable
    {
        yield 'answered' => [AuditEntry::RESPONSE, 'debug'];
        yield 'refused' => [AuditEntry::REFUSED, 'error'];
        yield 'failed' => [AuditEntry::FAILED, 'error'];
    }

    public function testALoggerThatThrowsIsAFailureWithoutItsMessage(): void
    {
        $logger = $this->createMock(LoggerInterface::class);
        $logger->method('log')->willThrowException(new \RuntimeException('password=c4n4ry'));

        try {
            (new PsrLogAuditSink($logger))->begin(AuditEntries::intent());
            self::fail('Nothing was thrown.');
        } catch (AuditSinkException $exception) {
            self::assertStringNotContainsString('c4n4ry', (string) $exception);
        }
    }
}
