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
        $columns = ['id', 'state', 'outcome', ...AuditEntry::RECORD, 'actor_type', 'actor_id', 'caller', 'request_id'];

        self::assertSame($columns, array_keys(AuditRow::of(AuditEntries::complete())));
        self::assertSame($columns, array_keys(AuditRow::of(AuditEntries::intent())));
    }

    public function testAValueOfItsColumnsTypeIsKept(): void
    {
        self::assertSame(AuditEntries::complete()->toArray(), AuditRow::of(AuditEntries::complete()));
    }

    /**
     * @dataProvider strangers
     */
    public function testAValueOfAnotherTypeIsDropped(string $column, mixed $value, mixed $stored): void
    {
        self::assertSame($stored, AuditRow::of(AuditEntries::complete(record: [$column => $value]))[$column]);
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
        $row = AuditRow::of(AuditEntries::complete(record: [
            'method' => "GET\r\nX",
            'host' => "b\xFCcher",
            'credentials' => ["a\0"],
        ]));

        self::assertSame(['GET??X', "b\u{FFFD}cher", ['a?']], [$row['method'], $row['host'], $row['credentials']]);
    }

    public function testWhatIsNoColumnIsLeftOut(): void
    {
        $entry = AuditEntries::complete(record: ['body' => 'c4n4ry', 'query' => 'c4n4ry', 'headers' => ['c4n4ry']]);

        self::assertStringNotContainsString('c4n4ry', AuditRow::json(AuditRow::of($entry)));
    }
}
