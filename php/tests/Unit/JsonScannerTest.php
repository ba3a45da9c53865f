<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Transport\Secret\JsonScanner;
use PHPUnit\Framework\TestCase;

final class JsonScannerTest extends TestCase
{
    public function testMembersAreHandedOutWhereTheyStand(): void
    {
        $document = " { \"a\" : [1, {\"b\":2}] ,\"\\u0062\":\"x\\\"}\" ,\r\n\"a\":-1.5e+3,\"\":null\t} \n";
        self::assertSame(
            [['a', '[1, {"b":2}]'], ['b', '"x\"}"'], ['a', '-1.5e+3'], [null, 'null']],
            self::members($document, ['a', 'b']),
        );
        self::assertSame([], self::members('{}', []));
        self::assertSame([], self::members("\t{ \n}\r", []));
        self::assertSame([['0', '1']], self::members('{"0":1}', ['0']));
    }

    /**
     * @dataProvider spoilt
     */
    public function testWhatIsNoObjectIsNone(string $document): void
    {
        self::assertNull(self::members($document, ['a']));
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function spoilt(): iterable
    {
        foreach (
            [
                '', ' ', '[]', '"a"', '1', 'null', '{', '}', '{}{}', '{} x', '{},', "\u{FEFF}{}", "\x0B{}", "{}\0",
                '{"a"}', '{"a":}', '{"a":1,}', '{,}', '{"a":1 "b":2}', '{a:1}', "{'a':1}", '{"a":1]', '{1:1}', '{"a"=1}',
                '{"a":[}', '{"a":[1,]}', '{"a":[,1]}', '{"a":[1 2]}', '{"a":{]}', '{"a":{"b"}}', '{"a":{"b":1,}}',
                '{"a":[[]}', '{"a":]}', '{"a":{"b":[}]}}',
                '{"a":01}', '{"a":-}', '{"a":+1}', '{"a":1.}', '{"a":.1}', '{"a":1e}', '{"a":1e+}', '{"a":0x1}', '{"a":NaN}',
                '{"a":tru}', '{"a":True}', '{"a":nullx}', '{"a":falsetrue}',
                '{"a":"', '{"a":"\"}', '{"a":"\x"}', '{"a":"\u12"}', '{"a":"\u12g4"}', "{\"a\":\"\n\"}", "{\"a\":\"\x1F\"}",
                "{\"a\":\"\xFF\"}", "{\"a\":\"\xC0\x80\"}", "{\"a\":\"\xED\xA0\x80\"}", '{"\ud800":1}', '{"\ude00":1}',
                '{"\ud83d\u0041":1}', '{"a":"b"',
            ] as $document
        ) {
            yield bin2hex($document) . ' ' . preg_replace('/[^ -~]/', '.', $document) => [$document];
        }
    }

    /**
     * @dataProvider sound
     */
    public function testWhateverJsonAllowsIsTaken(string $value): void
    {
        self::assertSame([['a', $value]], self::members('{"a":' . $value . '}', ['a']));
    }

    /**
     * @return iterable<array{string}>
     */
    public static function sound(): iterable
    {
        yield from array_map(static fn (string $value): array => [$value], [
            '0', '-0', '0.0', '-1.25E-7', '123456789012345678901234567890', '1e999', 'true', 'false', 'null',
            '""', '"\"\\\\\/\b\f\n\r\t"', '"\u00e4\uD83D\uDE00"', '"\ud800"', "\"\x7F\u{2028}\u{10FFFF}\"",
            '[]', '[ ]', '[[],{},[{}]]', '{"a":{"a":[1,2]},"a":0}', '{"\ud800":"only its form counts"}',
            str_repeat('[', 100000) . str_repeat(']', 100000),
            str_repeat('{"a":', 50000) . '1' . str_repeat('}', 50000),
            '"' . str_repeat('\n\u0041', 400000) . '"',
            '[' . str_repeat('1,', 400000) . '1]',
        ]);
    }

    public function testWithLevelsEverythingIsLookedInto(): void
    {
        foreach (
            [
                '[[1]]' => true,
                '{"b":{}}' => true,
                '[[[]]]' => false,
                '{"b":[{}]}' => false,
                '"\ud83d\ude00"' => true,
                '"\ud83d"' => false,
                '["\ude00"]' => false,
                '{"\ud83d":1}' => false,
                '1e308' => true,
                '-1e309' => false,
            ] as $value => $expected
        ) {
            $isObject = (new JsonScanner('{"a":' . $value . '}', 2))->members([], static fn () => null);
            self::assertSame($expected, $isObject, $value);
        }
    }

    public function testATextIsUnescaped(): void
    {
        foreach (
            [
                '""' => '',
                '"plain ä"' => 'plain ä',
                '"a\/b\\\\c\"d"' => 'a/b\\c"d',
                '"\b\f\n\r\t\u0000"' => "\x08\f\n\r\t\0",
                '"\u0041\u00e4\u20AC\ud83d\ude00"' => 'Aä€😀',
                '"\ud83d"' => null,
                '"\ud83dx"' => null,
                '"\ud83d\n"' => null,
                '"\ud83d\ud83d"' => null,
                '"\ude00"' => null,
                '7' => null,
                'null' => null,
                '["a"]' => null,
            ] as $json => $expected
        ) {
            $json = (string) $json;
            self::assertSame($expected, JsonScanner::text('x' . $json . 'x', 1, strlen($json)), $json);
        }
    }

    public function testAKeyThatStandsTwiceIsFoundAtAnyDepth(): void
    {
        foreach (
            [
                '{"a":1,"b":{"a":2},"c":[{"a":1},{"a":"a"}]}' => null,
                '{"a":1,"a":2}' => 'a',
                '{"a":1, "\u0061" : 2}' => 'a',
                '{"1":{}, "1":[]}' => '1',
                '{"":1,"":2}' => '',
                '{"s":{"x":[1,{"y":{},"z":"}"},{"y":1,"q":"\"","y":-1.5e+3}]}}' => 's.x.[].y',
                '[[],{"a":{},"a":1}]' => '[].a',
                '{"a":{"b":1},"b":2,"a":3}' => 'a',
                '"a"' => null,
            ] as $document => $expected
        ) {
            self::assertSame($expected, (new JsonScanner((string) $document))->duplicate(), (string) $document);
        }
        $deep = str_repeat('{"a":[', 20000) . '{"b":1,"b":2}' . str_repeat(']}', 20000);
        self::assertStringEndsWith('a.[].b', (string) (new JsonScanner($deep))->duplicate());
    }

    /**
     * @param list<string> $names
     * @return list<array{string|null, string}>|null
     */
    private static function members(string $document, array $names): ?array
    {
        $members = [];
        $isObject = (new JsonScanner($document))->members(
            $names,
            static function (?string $name, int $offset, int $length) use (&$members, $document): void {
                $members[] = [$name, substr($document, $offset, $length)];
            },
        );
        return $isObject ? $members : null;
    }
}
