<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Stream;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stream\EventParser;
use Netresearch\NrVault\Outbound\Stream\ServerSentEvent;
use PHPUnit\Framework\TestCase;
use Random\Engine\Mt19937;
use Random\Randomizer;

/**
 * The HTML standard's rules for event streams. Each stream is read as a whole, byte by byte, and cut in two at every byte.
 */
final class EventParserTest extends TestCase
{
    /**
     * @dataProvider streams
     * @param list<array{0: string, 1?: string, 2?: string, 3?: int}> $expected data, type, id and retry of each event
     */
    public function testStreams(string $stream, array $expected): void
    {
        $expected = array_map(
            static fn (array $event): array => $event + [1 => 'message', 2 => '', 3 => null],
            $expected,
        );
        self::assertSame($expected, self::parse([$stream]), 'as a whole');
        self::assertSame($expected, self::parse(str_split($stream)), 'byte by byte');
        for ($at = 1; $at < strlen($stream); $at++) {
            $parts = [substr($stream, 0, $at), substr($stream, $at)];
            self::assertSame($expected, self::parse($parts), 'cut at ' . $at);
        }
    }

    /**
     * @return iterable<string, array{string, list<array{0: string, 1?: string, 2?: string, 3?: int}>}>
     */
    public static function streams(): iterable
    {
        $bom = "\u{FEFF}";
        yield 'a byte order mark at the beginning' => ["{$bom}data:1\n\n{$bom}data:2\n\ndata:3\n\n", [['1'], ['3']]];
        yield 'two byte order marks' => ["{$bom}{$bom}data:1\n\ndata:2\n\n", [['2']]];
        yield 'comments' => ["data:1\r:\0\n:\r\ndata:2\n:" . str_repeat('x', 99) . "\rdata:3\n:data:fail\r:x\rdata:4\n\n", [["1\n2\n3\n4"]]];
        yield 'nothing but the line before the last empty one' => ["retry:1000\ndata:test1\n\nid:test\ndata:test2", [['test1', 'message', '', 1000]]];
        yield 'empty data' => ["data:\n\ndata\ndata\n\ndata:test\n\n", [[''], ["\n"], ['test']]];
        yield 'a type for one event' => ["event: one\ndata: a\n\ndata: b\n\nevent\ndata: c\n\n", [['a', 'one'], ['b'], ['c']]];
        yield 'the last type counts, and an empty one is none' => ["event:a\nevent:\ndata:x\n\nevent: b\nevent:c\ndata:y\n\n", [['x'], ['y', 'c']]];
        yield 'a type without data is forgotten' => ["event:a\n\ndata:x\n\n", [['x']]];
        yield 'an id is kept' => ["id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\n", [['a', 'message', '1'], ['b', 'message', '1'], ['c', 'message', '2']]];
        yield 'an empty id resets' => ["id:1\ndata:a\n\nid\ndata:b\n\nid:2\nid:\ndata:c\n\n", [['a', 'message', '1'], ['b'], ['c']]];
        yield 'an id with NUL is none' => ["id:1\ndata:a\n\nid:2\0x\ndata:b\n\n", [['a', 'message', '1'], ['b', 'message', '1']]];
        yield 'an id beyond ASCII' => ["id:…\ndata:a\n\n", [['a', 'message', '…']]];
        yield 'fields by name' => [
            "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
            [["\0\n 2\n1\n3\n\n4"]],
        ];
        yield 'one space after the colon' => ["data:\ttest\rdata: \ndata:test\n\ndata:  a\n\n", [["\ttest\n\ntest"], [' a']]];
        yield 'ends of lines' => ["data:test\r\ndata\ndata:test\r\n\r\ndata:x\r\rdata:y\n\r\ndata:z\r\n\n", [["test\n\ntest"], ['x'], ['y'], ['z']]];
        yield 'CR, then LF CR' => ["data:a\r\n\rdata:b\n\n", [['a'], ['b']]];
        yield 'NUL' => ["data:\0\n\n\n\n", [["\0"]]];
        yield 'the time before a new connection' => ["retry:3000\ndata:a\n\nretry:1000x\ndata:b\n\nretry\ndata:c\n\nretry: 10\ndata:d\n\nretry:-1\ndata:e\n\n", [
            ['a', 'message', '', 3000], ['b', 'message', '', 3000], ['c', 'message', '', 3000], ['d', 'message', '', 10], ['e', 'message', '', 10],
        ]];
        yield 'UTF-8' => ["data:okå…\u{1F600}\n\n", [["okå…\u{1F600}"]]];
        yield 'what is no UTF-8' => [
            "data:a\x80b\xC3c\xE2\x82d\xF0\x9F\x98e\xED\xA0\x80f\xC0\xAFg\xF5\n\n",
            [["a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFD}\u{FFFD}\u{FFFD}f\u{FFFD}\u{FFFD}g\u{FFFD}"]],
        ];
        yield 'a character that a line cuts off' => ["data:\xE2\x82\n\n", [["\u{FFFD}"]]];
        yield 'fields that nobody knows' => ["foo:bar\ndata:[DONE]\nping\n\n: ping\n\n", [['[DONE]']]];
        yield 'no event' => ["\n\n\r\n", []];
        yield 'the beginning of a byte order mark' => ["\xEF\xBB", []];
    }

    /**
     * Random streams, cut at random places, against a second reader that has all of the stream at once. SECURE_OUTBOUND_STREAMS is their
     * number, for more than "make test" reads; the seed is always the same.
     */
    public function testRandomStreams(): void
    {
        $pieces = ['data', 'event', 'id', 'retry', 'dat', ':', ': ', ' ', "\n", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "\0", '7', '12', 'x', 'é', "\u{FEFF}",
            "\u{1F600}", "\xE2\x82", "\xF0\x9F", "\x80", "\xFF", 'data:', 'data: a', 'id:', 'event: b', 'retry: 3'];
        $random = new Randomizer(new Mt19937(20));
        $all = (int) getenv('SECURE_OUTBOUND_STREAMS') ?: 3000;
        for ($seen = 0, $number = 0; $number < $all; $number++) {
            $stream = $random->getInt(0, 5) === 0 ? "\u{FEFF}" : '';
            for ($left = $random->getInt(0, 60); $left > 0; $left--) {
                $stream .= $pieces[$random->getInt(0, count($pieces) - 1)];
            }
            for ($parts = [], $at = 0; $at < strlen($stream); $at += strlen($part)) {
                $parts[] = $part = substr($stream, $at, $random->getInt(1, 12));
            }
            $expected = self::readWhole($stream);
            self::assertSame($expected, self::parse($parts), base64_encode($stream));
            $seen += count($expected);
        }
        self::assertGreaterThan(intdiv($all, 5), $seen);
    }

    /**
     * @return list<array{string, string, string, int|null}>
     */
    private static function readWhole(string $stream): array
    {
        $before = mb_substitute_character();
        mb_substitute_character(0xFFFD);
        $text = mb_scrub(str_starts_with($stream, "\u{FEFF}") ? substr($stream, 3) : $stream, 'UTF-8');
        mb_substitute_character($before);
        $lines = preg_split('/\r\n|\r|\n/', $text) ?: [];
        array_pop($lines);
        [$events, $data, $type, $id, $retry] = [[], [], '', '', null];
        foreach ($lines as $line) {
            if ($line === '') {
                if ($data !== []) {
                    $events[] = [implode("\n", $data), $type === '' ? 'message' : $type, $id, $retry];
                }
                [$data, $type] = [[], ''];
                continue;
            }
            [$field, $value] = explode(':', $line, 2) + [1 => ''];
            $value = str_starts_with($value, ' ') ? substr($value, 1) : $value;
            match (true) {
                $field === 'data' => $data[] = $value,
                $field === 'event' => $type = $value,
                $field === 'id' && !str_contains($value, "\0") => $id = $value,
                $field === 'retry' && preg_match('/\A[0-9]+\z/', $value) === 1 => $retry = (int) $value,
                default => null,
            };
        }
        return $events;
    }

    public function testAnEventHasALimit(): void
    {
        $big = 'data:' . str_repeat('x', 95);
        self::assertCount(2, self::parse(["$big\n\n$big\n\n"], 100));
        foreach (["$big.\n\n", "$big\ndata:\n\n", ':' . str_repeat('x', 100), "data:a\n\nevent:" . str_repeat('x', 95)] as $stream) {
            foreach ([[$stream], str_split($stream)] as $parts) {
                $code = null;
                try {
                    self::parse($parts, 100);
                } catch (OutboundException $failure) {
                    $code = $failure->errorCode();
                }
                self::assertSame('response.event_too_large', $code, $stream);
            }
        }
    }

    /**
     * @param list<string> $parts
     * @return list<array{string, string, string, int|null}>
     */
    private static function parse(array $parts, int $maxBytes = 1 << 20): array
    {
        $parser = new EventParser($maxBytes);
        $events = [];
        foreach ($parts as $part) {
            foreach ($parser->push($part) as $event) {
                self::assertInstanceOf(ServerSentEvent::class, $event);
                $events[] = [$event->data, $event->type, $event->id, $event->retry];
            }
        }
        return $events;
    }
}
