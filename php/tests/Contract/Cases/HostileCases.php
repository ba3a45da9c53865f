<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * A hostile server: every attack ends in a known error, and all but the slow ones end long before the deadline.
 */
trait HostileCases
{
    /**
     * @dataProvider attacks
     * @param list<array<mixed>> $steps
     * @param string $sent code and "sent" of an attack that ends at the deadline
     */
    public function testAnAttackEndsInAKnownError(string $code, array $steps, string $sent = ''): void
    {
        $call = static function (int $deadline) use ($steps): Outcome {
            self::$server->script('tls', [['read'], ...$steps]);
            $policy = self::policy(responseBytes: 64 << 10);
            return self::call(self::request('tls', body: 'once', timeoutMs: $deadline, policy: $policy));
        };
        // Only an attack that sends byte by byte may last until the deadline.
        $outcome = $code === 'timeout.total' ? self::patiently($sent, $call) : $call(60_000);
        self::assertSame($code, $outcome->code, $outcome->brief() . $outcome->message());
        self::assertContains($outcome->sent, ['maybe', 'yes']);
        self::assertSame(1, self::requests('tls'));
        self::$server->wait('tls', 'closed');
    }

    /**
     * @return iterable<string, array{string, list<array<mixed>>}>
     */
    public static function attacks(): iterable
    {
        $ok = FaultServer::write("HTTP/1.1 200 OK\r\n");
        $chunked = FaultServer::write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        $often = static fn (string $bytes, int $times = 100_000): array => ['repeat', base64_encode($bytes), $times];
        $pace = static fn (string $bytes): array => ['pace', base64_encode($bytes)];
        $long = str_repeat('a', 4096);
        $bad = 'protocol.invalid';

        yield '100 000 fields' => [$bad, [$ok, $often(str_repeat("x-a: a\r\n", 100), 1000)]];
        yield 'a field without end' => [$bad, [$ok, FaultServer::write('x-a: '), $often($long)]];
        yield 'a name without end' => [$bad, [$ok, $often($long)]];
        yield 'a reason without end' => [$bad, [FaultServer::write('HTTP/1.1 200 '), $often($long)]];
        yield 'interim answers with long heads' => [
            $bad,
            [$often("HTTP/1.1 103 Early Hints\r\nlink: " . str_repeat('a', 30_000) . "\r\n\r\n")],
        ];
        yield 'a chunk length that overflows' => [$bad, [$chunked, $often('ffffffffffffffff')]];
        yield 'a length of an exabyte' => [
            'response.too_large',
            [$ok, FaultServer::write("content-length: 1152921504606846976\r\n\r\n"), $often($long)],
        ];
        yield 'a body without end' => ['response.too_large', [$ok, FaultServer::write("\r\n"), $often($long)]];
        yield 'chunks of one byte without end' => [
            'response.too_large',
            [$chunked, $often(str_repeat("1\r\na\r\n", 500))],
        ];
        yield 'a name that is not ASCII' => [$bad, [$ok, FaultServer::write("x-\xFF\xFE: a\r\ncontent-length: 0\r\n\r\n")]];
        yield 'a field split by a lone return' => [
            $bad,
            [$ok, FaultServer::write("x-a: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n")],
        ];
        yield 'a head that drips' => ['timeout.total', [$pace('HTTP/1.1 200')], 'timeout.total maybe'];
        yield 'a body that drips' => [
            'timeout.total',
            [$ok, FaultServer::write("\r\n"), $pace('x')],
            'timeout.total yes',
        ];
        yield 'silence' => ['timeout.total', [['silence']], 'timeout.total maybe'];
    }

    /**
     * @dataProvider floods
     * @param list<array<mixed>> $steps
     */
    public function testAFloodOverHttp2Ends(array $steps): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $deviates = self::deviates('http2-floods');
        self::$server->script('h2', [['read'], ...$steps, ['silence']]);
        $outcome = self::call(self::request(
            'h2',
            body: 'once',
            timeoutMs: $deviates ? 1000 : 60_000,
            policy: self::policy(responseBytes: 64 << 10),
        ));

        $codes = $deviates ? ['protocol.closed_early', 'protocol.invalid', 'timeout.total'] : ['protocol.invalid'];
        self::assertContains($outcome->code, $codes, $outcome->brief() . $outcome->message());
        self::assertNotSame('no', $outcome->sent);
        self::assertSame(1, self::requests('h2'));
    }

    /**
     * @return iterable<string, array{list<array<mixed>>}>
     */
    public static function floods(): iterable
    {
        $flood = static fn (int $kind, int $flags, ?int $stream, string $payload): array
            => ['h2-flood', $kind, $flags, $stream, base64_encode($payload), 200_000];
        $head = ['h2-head', [[':status', '200']], false];
        $begun = ['h2-frame', 1, 0, null, base64_encode("\x88")];

        yield 'continuations' => [[$begun, $flood(9, 0, null, str_repeat("\0\x01x\x01a", 1000))]];
        yield 'empty continuations' => [[$begun, $flood(9, 0, null, '')]];
        yield 'settings' => [[$flood(4, 0, 0, str_repeat("\0\x04\0\0\xFF\xFF", 100))]];
        yield 'pings' => [[$flood(6, 0, 0, '12345678')]];
        yield 'windows that overflow' => [[$flood(8, 0, 0, "\x7F\xFF\xFF\xFF")]];
        yield 'empty data' => [[$head, $flood(0, 0, null, '')]];
        yield 'data before a head' => [[['h2-data', base64_encode('a'), true]]];
        yield 'resets of streams that never were' => [[$flood(3, 0, 99, "\0\0\0\x01")]];
    }

    public function testAServerThatTakesNothingIsLeftAtTheDeadline(): void
    {
        // More than the buffers between client and server can hold.
        $body = str_repeat('a', 16 << 20);
        $outcome = self::patiently('timeout.total maybe', static function (int $deadline) use ($body): Outcome {
            self::$server->script('plain', [['take', 1], ['hold']]);
            return self::call(self::request(body: $body, timeoutMs: $deadline));
        });
        self::$server->release('plain');

        self::assertFailed('timeout.total', 'maybe', $outcome);
    }

    public function testARequestCannotBeSplitByItsCaller(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $cases = [
            ['headers' => [['x-a', "a\nb"]]],
            ['headers' => [["x-a\r\nx-b", 'b']]],
            ['headers' => [["x-a: b\r\nx-c", 'b']]],
            ['method' => "GET / HTTP/1.1\r\nx: "],
            ['path' => "/a\r\nx: b"],
            ['idempotencyKey' => "a\r\nx: b"],
            ['idempotencyKey' => 'a', 'idempotencyHeader' => "a\r\nx"],
            ['url' => self::url('plain') . "/x HTTP/1.1\r\nx: y", 'path' => ''],
            ['baseUrl' => self::url('plain') . "\r\n", 'path' => ''],
        ];
        foreach ($cases as $number => $more) {
            $outcome = self::call(self::request('plain', ...$more));
            $codes = ['invalid_request.malformed', 'policy.path_not_canonical'];
            self::assertContains($outcome->code, $codes, $number . $outcome->brief());
        }
        self::assertSame(0, self::connections());
        $outcome = self::call(self::request(path: '/a HTTP/1.1'));
        self::assertSame('200', $outcome->brief());
        self::assertSame('/v1/a%20HTTP/1.1', self::received()->target);
    }

    public function testBytesThatAreNoUtf8ArriveAsTheyAre(): void
    {
        $body = "\xFF\xFE\0\xC3";
        self::$server->script('plain', [['read'], FaultServer::write(
            "HTTP/1.1 200 \xC3\x28\xFF\r\nx-a: \xFF\xFE\xE9\r\ncontent-length: 4\r\n\r\n" . $body,
        )]);
        $outcome = self::call(self::request());

        self::assertSame([$body, ["\xFF\xFE\xE9"]], [$outcome->body, $outcome->values('x-a')], $outcome->message());
    }
}
