<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use PHPUnit\Framework\TestCase;

final class AuditRowTest extends TestCase
{
    public function testEveryColumnIsThereInOrder(): void
    {
        $columns = ['id', 'state', 'outcome', ...AuditEntry::RECORD, 'actor_type', 'actor_id', 'caller', 'request_id', 'weight'];

        self::assertSame($columns, array_keys(AuditEntries::complete()->toArray()));
        self::assertSame($columns, array_keys(AuditEntries::intent()->toArray()));
    }

    public function testAValueOfItsColumnsTypeIsKept(): void
    {
        self::assertSame(AuditEntries::RECORD, AuditEntries::complete()->record);
    }

    /** A database refuses a record without a timestamp. */
    public function testARecordWithoutATimestampHasThatOfNow(): void
    {
        foreach ([null, 1700000000] as $timestamp) {
            $before = gmdate('Y-m-d\TH:i:s');
            $entry = AuditEntries::complete(record: ['timestamp' => $timestamp]);

            self::assertMatchesRegularExpression('/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/', $entry->record['timestamp']);
            self::assertGreaterThanOrEqual($before, $entry->record['timestamp']);
        }
    }

    /**
     * @dataProvider strangers
     */
    public function testAValueOfAnotherTypeIsDropped(string $column, mixed $value, mixed $stored): void
    {
        self::assertSame($stored, AuditEntries::complete(record: [$column => $value])->toArray()[$column]);
    }

    /**
     * @return iterable<string, array{string, mixed, mixed}>
     */
    public static function strangers(): iterable
    {
        yield 'a text as a number' => ['status', '200', null];
        yield 'a float' => ['duration_us', 1.5, null];
        yield 'a structure' => ['host', ['body' => 'x'], null];
        yield 'an object' => ['method', new \ArrayObject(['x']), null];
        yield 'a number as a boolean' => ['connection_reused', 1, null];
        yield 'a text as a list' => ['credentials', 'x', null];
        yield 'an object as a list' => ['attempt_errors', new \ArrayObject(['x']), null];
        yield 'a list with structures' => ['credentials', ['k' => 'a', ['b'], 'c'], ['a', 'c']];
    }

    public function testTextIsUtf8AndOnOneLine(): void
    {
        $row = AuditEntries::complete(record: [
            'method' => "GET\r\nX",
            'host' => "b\xFCcher",
            'credentials' => ["a\0"],
        ])->toArray();

        self::assertSame(['GET??X', "b\u{FFFD}cher", ['a?']], [$row['method'], $row['host'], $row['credentials']]);
    }

    public function testWhatIsNoColumnIsLeftOut(): void
    {
        $entry = AuditEntries::complete(record: ['body' => 'c4n4ry', 'query' => 'c4n4ry', 'headers' => ['c4n4ry']]);

        self::assertStringNotContainsString('c4n4ry', AuditRow::json($entry->toArray()));
    }
}
