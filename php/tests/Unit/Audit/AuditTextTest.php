<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Transport\ResponseSpec;
use PHPUnit\Framework\TestCase;

/**
 * A record that is passed on as JSON text has the same contents as one that is decoded.
 */
final class AuditTextTest extends TestCase
{
    private const REST = '"status":200,"http_version":"2","headers":[["a","1"]],"error":null';

    /**
     * @dataProvider records
     * @param array<string, mixed> $record
     */
    public function testTheLineIsTheSameByteForByte(array $record, bool $staysText): void
    {
        $json = self::json($record);
        $response = ResponseSpec::fromWire('{"version":1,' . self::REST . ',"audit":' . $json . '}', '');
        $kept = self::entry($response->record());
        $decoded = self::entry(json_decode($json, true));

        self::assertSame($staysText, $response->record() instanceof AuditText, $json);
        self::assertSame(AuditRow::json($decoded->toArray()), $kept->toJson());
        self::assertSame($decoded->record, $kept->record);
        self::assertSame($decoded->toArray(), $kept->toArray());
        self::assertSame($decoded->record, $response->audit);
    }

    /**
     * @return iterable<string, array{array<string, mixed>, bool}>
     */
    public static function records(): iterable
    {
        $record = AuditEntries::RECORD;
        yield 'every column' => [$record, true];
        $unknown = array_fill_keys(AuditEntry::RECORD, null);
        yield 'nothing is known' => [array_replace($unknown, ['timestamp' => $record['timestamp']]), true];
        yield 'empty lists' => [array_replace($record, ['credentials' => [], 'attempt_errors' => []]), true];
        foreach (self::hostile() as $what => $text) {
            $isAscii = preg_match('/[^\x20-\x7E]/', $text) === 0;
            yield $what . ' in a pattern' => [array_replace($record, ['path_template' => $text]), $isAscii];
            yield $what . ' in an identifier' => [array_replace($record, ['credentials' => ['a', $text]]), $isAscii];
        }
        foreach (['status' => '200', 'duration_us' => 1.5, 'host' => ['a'], 'connection_reused' => 1] as $key => $value) {
            yield 'another type of ' . $key => [array_replace($record, [$key => $value]), false];
        }
        foreach ([-1, 10 ** 18, PHP_INT_MAX] as $number) {
            yield 'bytes ' . $number => [array_replace($record, ['bytes_in' => $number]), false];
        }
        yield 'a number of eighteen digits' => [array_replace($record, ['bytes_in' => 10 ** 18 - 1]), true];
        yield 'a key that is not known' => [$record + ['later' => 1], false];
        yield 'a key is missing' => [array_diff_key($record, ['attempts' => 0]), false];
        yield 'another order' => [['status' => 200] + $record, false];
    }

    /**
     * @return iterable<string, string>
     */
    private static function hostile(): iterable
    {
        yield 'a quotation mark' => '/v1/"/{id}';
        yield 'backslashes' => '/v1/\\/\\\\"{id}\\';
        yield 'what looks like a record' => '","audit":{"service_id":"x"},"a":"';
        yield 'an escape' => '\\u0041\\n';
        yield 'a slash' => '/</script>';
        yield 'a control' => "a\nb\0c\x7F";
        yield 'an umlaut' => '/v1/bücher';
        yield 'a separator of lines' => "a\u{2028}b\u{2029}c";
        yield 'a turn of direction' => "a\u{202E}b";
        yield 'an emoji' => '/v1/😀';
    }

    public function testARecordWithoutATimeIsNone(): void
    {
        self::assertNull(AuditText::of(self::json(array_replace(AuditEntries::RECORD, ['timestamp' => null]))));
    }

    public function testAHeaderMayLookLikeARecord(): void
    {
        $text = ',"audit":{"service_id":null}';
        $headers = [['x', $text], ['audit', $text . '}'], [',"audit', ':{']];
        $wire = (new ResponseSpec(200, '2', $headers, '', self::read(self::json(AuditEntries::RECORD))))->toWire();
        $response = ResponseSpec::fromWire($wire['head'], '');

        self::assertSame($headers, $response->headers);
        self::assertInstanceOf(AuditText::class, $response->record());
        self::assertSame(AuditEntries::RECORD, $response->audit);
    }

    public function testARecordIsThereForWhoeverLooks(): void
    {
        $entry = static fn (): AuditEntry => self::entry(self::read(self::json(AuditEntries::RECORD)));
        $decoded = self::entry(AuditEntries::RECORD);

        self::assertTrue(isset($entry()->record['host']));
        self::assertSame('POST', $entry()->record['method'] ?? null);
        self::assertSame('POST', (clone $entry())->record['method']);
        self::assertSame($decoded->toArray(), unserialize(serialize($entry()))->toArray());
        self::assertSame(json_encode($decoded), json_encode($entry()));
        self::assertSame(AuditEntries::RECORD, json_decode((string) json_encode($entry()), true)['record']);
        self::assertStringContainsString('api.stripe.com', print_r($entry(), true));
    }

    public function testNoOtherPropertyIsThere(): void
    {
        $this->expectException(\Error::class);
        self::entry(self::read(self::json(AuditEntries::RECORD)))->{'records'};
    }

    private static function read(string $json): AuditText
    {
        return AuditText::of($json) ?? throw new \RuntimeException($json);
    }

    /**
     * @param array<string, mixed>|AuditText $record
     */
    private static function entry(array|AuditText $record): AuditEntry
    {
        return new AuditEntry('id-1","actor_type":"x', AuditEntry::COMPLETE, AuditEntry::RESPONSE, $record, 'cli', null, 'A::"b"', "r\n");
    }

    /**
     * The JSON as the library writes it: compact, with slashes and letters that are not escaped.
     *
     * @param array<string, mixed> $record
     */
    private static function json(array $record): string
    {
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS;
        return json_encode($record, $flags | JSON_THROW_ON_ERROR);
    }
}
