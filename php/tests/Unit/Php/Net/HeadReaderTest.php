<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Net;

use Netresearch\NrVault\Transport\Php\Net\HeadReader;
use PHPUnit\Framework\TestCase;

/**
 * Heads of responses, line by line as libcurl passes them on.
 */
final class HeadReaderTest extends TestCase
{
    public function testAHead(): void
    {
        $reader = $this->read("HTTP/1.1 201 Created\r\nSet-Cookie: a\r\nX-A:\t b \r\nset-cookie:c\r\n7: x\r\n\r\n");

        self::assertSame(201, $reader->head()?->status);
        self::assertSame('1.1', $reader->head()?->httpVersion);
        $expected = [['set-cookie', 'a'], ['set-cookie', 'c'], ['x-a', 'b'], ['7', 'x']];
        self::assertSame($expected, $reader->head()?->headers);
        self::assertSame(['a', 'c'], $reader->head()?->values('set-cookie'));
        self::assertStringNotContainsString('set-cookie', print_r($reader->head(), true));
    }

    public function testVersionsAndStatusLines(): void
    {
        foreach (
            [
                'HTTP/1.0 200 OK' => '1.1',
                'HTTP/1.1 200' => '1.1',
                'HTTP/1.1 200 ' => '1.1',
                'HTTP/2 200 ' => '2',
                "HTTP/1.1 200 \xE4" => '1.1',
            ] as $line => $version
        ) {
            self::assertSame($version, $this->read($line . "\r\n\r\n")->head()?->httpVersion, $line);
        }
        foreach (['', 'HTTP/1.1', 'HTTP/1.1 20', 'HTTP/1.1 2000', 'HTTP/1.1 099 x', 'HTTP/3 200', 'http/1.1 200', "HTTP/1.1 200 \0"] as $line) {
            $reader = $this->read($line . "\r\n\r\n");
            self::assertNotNull($reader->fault(), $line);
            self::assertNull($reader->status(), $line);
        }
    }

    public function testInterimAnswersAndTrailersAreReadOver(): void
    {
        $interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
        $reader = $this->read($interim);
        self::assertNull($reader->status());
        self::assertNull($reader->head());
        self::assertSame(null, $reader->fault());

        $reader = $this->read($interim . "HTTP/1.1 200 OK\r\na: b\r\n\r\nx-trailer: c\r\n\r\n");
        self::assertSame([['a', 'b']], $reader->head()?->headers);
        self::assertNull($reader->fault());
        self::assertFalse($reader->line("no field\r\n"));
        self::assertNotNull($reader->fault());
    }

    public function testAHundredInterimAnswersAndNoMore(): void
    {
        $interim = str_repeat("HTTP/1.1 102 Processing\r\n\r\n", 100);
        self::assertSame(200, $this->read($interim . "HTTP/1.1 200 OK\r\n\r\n")->head()?->status);
        $reader = $this->read($interim . "HTTP/1.1 102 Processing\r\n");
        self::assertSame('the server sent more than 100 interim responses', $reader->fault());
        self::assertNull($reader->status());
    }

    public function testTheStatusIsKnownBeforeTheHeadIsWhole(): void
    {
        $reader = $this->read("HTTP/1.1 201 Created\r\na: b\r\n");

        self::assertSame(201, $reader->status());
        self::assertNull($reader->head());
    }

    /**
     * @dataProvider faults
     */
    public function testFaults(string $head, string $fault): void
    {
        $reader = $this->read($head . "\r\n\r\n");

        self::assertStringContainsString($fault, (string) $reader->fault());
        self::assertNull($reader->head());
        self::assertNotNull($reader->status());
        self::assertFalse($reader->line("a: b\r\n"), 'nothing more is wanted');
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function faults(): iterable
    {
        $ok = "HTTP/1.1 200 OK\r\n";
        $http = 'not acceptable HTTP';
        yield '101' => ["HTTP/1.1 101 Switching Protocols\r\nupgrade: x", 'switched'];
        yield 'two framings' => [$ok . "content-length: 1\r\nTransfer-Encoding: chunked", 'together'];
        yield 'gzip on the way' => [$ok . 'transfer-encoding: gzip, chunked', 'other than chunked'];
        yield 'chunked twice' => [$ok . "transfer-encoding: chunked\r\ntransfer-encoding: chunked", 'other than chunked'];
        yield 'chunks before their time' => ["HTTP/1.0 200 OK\r\ntransfer-encoding: chunked", 'HTTP/1.0'];
        yield 'two lengths' => [$ok . "content-length: 1\r\ncontent-length: 2", 'content-length'];
        yield 'a folded line' => [$ok . "a: b\r\n c", $http];
        yield 'no colon' => [$ok . 'a b', $http];
        yield 'a blank before the colon' => [$ok . 'a : b', $http];
        yield 'no name' => [$ok . ': b', $http];
        yield 'a control character' => [$ok . "a: b\x01", $http];
        yield 'a carriage return' => [$ok . "a: b\rc", $http];
        yield 'a byte too many' => [$ok . 'a: ' . str_repeat('b', 1024 - 4), 'larger than 1024 bytes'];
        yield 'a field too many' => [$ok . implode("\r\n", array_fill(0, 101, 'a:')), 'more than 100 header fields'];
    }

    public function testWhatJustFits(): void
    {
        self::assertNotNull($this->read("HTTP/1.1 200 OK\r\na: " . str_repeat('b', 1024 - 5) . "\r\n\r\n")->head());
        self::assertNotNull($this->read("HTTP/1.1 200 OK\r\n" . str_repeat("a:\r\n", 100) . "\r\n")->head());
        self::assertNotNull($this->read("HTTP/1.1 200 OK\r\nTRANSFER-encoding: CHUNKED\r\n\r\n")->head());
        self::assertNotNull($this->read("HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 5\n\n")->head());
    }

    private function read(string $text): HeadReader
    {
        $reader = new HeadReader(1024);
        foreach (preg_split('/(?<=\n)/', $text, flags: PREG_SPLIT_NO_EMPTY) ?: [] as $line) {
            if (!$reader->line($line)) {
                break;
            }
        }
        return $reader;
    }
}
