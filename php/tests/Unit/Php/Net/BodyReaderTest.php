<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\BodyReader;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;
use PHPUnit\Framework\TestCase;

/**
 * Bodies of responses: content codings, size limits, and incomplete bodies.
 */
final class BodyReaderTest extends TestCase
{
    /**
     * @dataProvider bodies
     * @param string|null $expected the text; null where the code is expected
     */
    public function testBodies(string $coding, string $bytes, ?string $expected, ?string $code = null): void
    {
        foreach ([1, 7, 65536] as $size) {
            [$body, $found] = self::read([['content-encoding', $coding]], $bytes, $size);

            self::assertSame($code, $found, 'in pieces of ' . $size);
            if ($expected !== null) {
                self::assertSame($expected, $body?->bytes());
                self::assertSame(strlen($bytes), $body?->arrived());
            }
        }
    }

    /**
     * @return iterable<string, array{0: string, 1: string, 2: string|null, 3?: string}>
     */
    public static function bodies(): iterable
    {
        $text = str_repeat('what servers say ', 1000);
        $gzip = (string) gzencode($text);
        $broken = 'response.decoding_failed';
        yield 'as it is' => ['identity', $text, $text];
        yield 'gzip' => ['gzip', $gzip, $text];
        yield 'x-gzip, in any case' => [' X-GZip ,', $gzip, $text];
        yield 'twice' => ['gzip, gzip', (string) gzencode($gzip), $text];
        yield 'three times' => ['gzip, gzip, gzip', $gzip, null, $broken];
        yield 'two members' => ['gzip', $gzip . $gzip, $text . $text];
        yield 'a member of nothing' => ['gzip', (string) gzencode(''), ''];
        yield 'no byte' => ['gzip', '', ''];
        yield 'cut off' => ['gzip', substr($gzip, 0, -1), null, $broken];
        yield 'cut off inside' => ['gzip, gzip', (string) gzencode(substr($gzip, 0, -1)), null, $broken];
        yield 'a byte more' => ['gzip', $gzip . "\0", null, $broken];
        yield 'a wrong checksum' => ['gzip', substr($gzip, 0, -8) . "\0\0\0\0" . substr($gzip, -4), null, $broken];
        yield 'zlib under the name of gzip' => ['gzip', (string) gzcompress($text), null, $broken];
        yield 'text under the name of gzip' => ['gzip', $text, null, $broken];
        yield 'deflate' => ['deflate', (string) gzcompress($text), $text];
        yield 'deflate, bare' => ['Deflate', (string) gzdeflate($text), $text];
        yield 'deflate twice' => ['deflate, deflate', (string) gzdeflate((string) gzcompress($text)), $text];
        yield 'deflate behind deflate' => ['deflate', gzcompress($text) . gzcompress($text), null, $broken];
        yield 'deflate cut off' => ['deflate', substr((string) gzdeflate($text), 0, -1), null, $broken];
        yield 'deflate without its checksum' => ['deflate', substr((string) gzcompress($text), 0, -4), null, $broken];
        yield 'what names no coding' => ['none, UTF-8', $text, $text];
        yield 'no byte in a coding that nobody knows' => ['unknown', '', ''];
        yield 'br, which PHP cannot undo' => ['br', "\x0b\x02\x80abc\x03", null, $broken];
    }

    public function testTheCapHoldsAtEveryStage(): void
    {
        $zeros = str_repeat("\0", 1 << 20);
        $bomb = (string) gzencode($zeros, 9);
        $coded = static fn (string $coding): array => [['content-encoding', $coding]];
        self::assertNull(self::read($coded('gzip'), $bomb, 65536, 1 << 20)[1]);
        self::assertSame('response.too_large', self::read($coded('gzip'), $bomb, 65536, (1 << 20) - 1)[1]);
        self::assertSame('response.too_large', self::read($coded('gzip, gzip'), (string) gzencode($bomb), 65536, 4096)[1]);
        self::assertSame('response.too_large', self::read([], $zeros, 65536, (1 << 20) - 1)[1]);
        self::assertSame('response.too_large', self::read($coded('gzip'), $bomb, 65536, strlen($bomb) - 1)[1]);
    }

    public function testABombIsNeverInMemory(): void
    {
        // The first compression makes 64 kB of 64 MB of zeros, and the second makes about a hundred bytes of those.
        $bomb = (string) gzencode((string) gzencode(str_repeat("\0", 64 << 20), 9), 9);
        gc_collect_cycles();
        $before = memory_get_usage();
        memory_reset_peak_usage();
        self::assertSame('response.too_large', self::read([['content-encoding', 'gzip, gzip']], $bomb, 65536, 1 << 20)[1]);
        self::assertLessThan($before + (12 << 20), memory_get_peak_usage());
    }

    public function testDecodingEndsAtTheDeadline(): void
    {
        foreach (['gzip' => (string) gzencode('text'), 'gzip, gzip' => (string) gzencode((string) gzencode(''))] as $coding => $bytes) {
            $body = new BodyReader(new ResponseHead(200, '1.1', [['content-encoding', $coding]]), self::cap(1 << 20), Deadline::in(0));

            self::assertFalse($body->add($bytes), 'nothing more is wanted');
            self::assertSame(['timeout.total', ''], [$body->failure()?->errorCode(), $body->bytes()]);
        }
    }

    /**
     * @dataProvider lengths
     */
    public function testAnnouncedLengths(string $length, ?string $code): void
    {
        try {
            new BodyReader(new ResponseHead(200, '1.1', [['content-length', $length]]), self::cap(10), Deadline::in(60_000));
            $found = null;
        } catch (OutboundException $failure) {
            $found = $failure->errorCode();
        }
        self::assertSame($code, $found);
    }

    /**
     * @return iterable<string, array{string, string|null}>
     */
    public static function lengths(): iterable
    {
        foreach (['0' => null, '10' => null, '0000000000000000000000010' => null] as $length => $code) {
            yield (string) $length => [(string) $length, $code];
        }
        foreach (['18446744073709551615', '99999999999999999999', '100000000000000000000'] as $length) {
            yield $length => [$length, 'protocol.invalid'];
        }
        foreach (['11', '9223372036854775808', '18446744073709551614'] as $length) {
            yield $length => [$length, 'response.too_large'];
        }
        foreach (['', '+1', '-1', '1x', '1, 1', '0x1', ' 1'] as $length) {
            yield '"' . $length . '"' => [$length, 'protocol.invalid'];
        }
    }

    /**
     * @param list<array{string, string}> $headers
     * @return array{BodyReader|null, string|null} with the code of its failure
     */
    private static function read(array $headers, string $bytes, int $size, int $cap = 1 << 20): array
    {
        try {
            $body = new BodyReader(new ResponseHead(200, '1.1', $headers), self::cap($cap), Deadline::in(60_000));
        } catch (OutboundException $failure) {
            return [null, $failure->errorCode()];
        }
        foreach ($bytes === '' ? [] : str_split($bytes, $size) as $chunk) {
            if (!$body->add($chunk)) {
                break;
            }
        }
        return [$body, $body->failure()?->errorCode()];
    }

    private static function cap(int $bytes): ByteLimit
    {
        return new ByteLimit($bytes, 'policy.response_bytes');
    }
}
