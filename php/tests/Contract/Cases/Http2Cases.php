<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * Every way in which an HTTP/2 exchange fails.
 */
trait Http2Cases
{
    public function testWhatTheServerRefusedIsCertainlyNotProcessed(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $refusals = [
            'REFUSED_STREAM' => [['h2-rst', 7], ['loop']],
            'GOAWAY of nothing' => [['h2-goaway', 0, 0]],
            'GOAWAY of nothing, with an error' => [['h2-goaway', 0, 2]],
        ];
        foreach ($refusals as $name => $steps) {
            foreach (['POST', 'GET'] as $method) {
                self::$server->script('h2', [['read'], ...$steps]);
                $outcome = self::call(self::request('h2', method: $method));
                $why = $name . ' ' . $method;

                if (self::deviates('http2-refusal')) {
                    self::assertFailed('protocol.closed_early', 'maybe', $outcome, why: $why);
                    self::assertSame($method === 'GET', $outcome->retryable, $why);
                    self::assertSame(6, self::requests('h2'), $why);
                } else {
                    self::assertSame('protocol.closed_early no', $outcome->brief(), $why);
                    self::assertTrue($outcome->retryable, $why);
                    self::assertSame(4, self::requests('h2'), $why);
                }
            }
        }
    }

    public function testAServerThatWantsHttp1(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $wanted = 13;
        $refusals = [
            'RST_STREAM' => [['h2-rst', $wanted], ['loop']],
            'GOAWAY of the stream' => [['h2-goaway', null, $wanted]],
            'GOAWAY of nothing' => [['h2-goaway', 0, $wanted]],
        ];
        foreach ($refusals as $name => $steps) {
            // A configuration of its own makes a new engine, which has not yet learnt that the server wants HTTP/1.1.
            $transport = self::make(['user_agent' => $name]);
            self::$server->script('h2', [['read'], ...$steps], [['read'], FaultServer::answer(), ['loop']]);
            $outcome = self::call(self::request('h2', body: 'x'), $transport);

            if (self::deviates('http1-required')) {
                // A GOAWAY that does not cover the stream lets the client send the request again over HTTP/2.
                $again = ['RST_STREAM' => '1.1', 'GOAWAY of nothing' => '2'][$name] ?? null;
                self::assertSame($again === null ? 'protocol.closed_early maybe' : '200', $outcome->brief(), $name);
                self::assertSame($again, $outcome->audit['http_version'], $name);
                self::assertSame($again === null ? 1 : 2, self::requests('h2'), $name);
                continue;
            }
            if ($name === 'GOAWAY of nothing') {
                self::assertSame('200', $outcome->brief(), $outcome->message());
            } else {
                self::assertFailed('protocol.closed_early', 'maybe', $outcome, why: $name);
                self::assertStringContainsString('HTTP_1_1_REQUIRED', $outcome->message());
                self::assertSame(1, self::requests('h2'), $name);
                $outcome = self::call(self::request('h2', body: 'x'), $transport);
            }
            self::assertSame(['200', '1.1'], [$outcome->brief(), $outcome->audit['http_version']], $name);
            self::assertSame([2, 2], [self::requests('h2'), self::connections('h2')], $name);
        }
    }

    public function testWhatMayHaveBeenProcessedIsNotRepeated(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $breaks = [
            'GOAWAY of the stream' => [['h2-goaway', null, 0]],
            'GOAWAY of everything' => [['h2-goaway', 2 ** 31 - 1, 0]],
            'GOAWAY with an error' => [['h2-goaway', null, 2]],
            'RST_STREAM INTERNAL_ERROR' => [['h2-rst', 2], ['silence']],
            'RST_STREAM PROTOCOL_ERROR' => [['h2-rst', 1], ['silence']],
            'closed' => [['close']],
            'cut' => [['cut']],
            'reset' => [['reset']],
        ];
        foreach ($breaks as $name => $steps) {
            foreach (['POST', 'GET'] as $method) {
                self::$server->script('h2', [['read'], ...$steps]);
                $outcome = self::call(self::request('h2', method: $method));

                self::assertFailed('protocol.closed_early', 'maybe', $outcome, why: $name);
                self::assertSame($method === 'GET', $outcome->retryable, $name);
                self::assertSame(1, self::requests('h2'), $name);
            }
        }
    }

    public function testStreamsThatEndEarly(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $data = static fn (bool $end): array => ['h2-data', base64_encode('part'), $end];
        $endings = [
            'short' => ['10', [$data(true)]],
            'short, with an empty frame' => ['10', [$data(false), ['h2-data', '', true]]],
            'INTERNAL_ERROR' => ['10', [$data(false), ['h2-rst', 2]]],
            'REFUSED_STREAM' => ['10', [['h2-rst', 7]]],
            'NO_ERROR' => ['10', [$data(false), ['h2-rst', 0]]],
            'NO_ERROR, of unknown length' => [null, [$data(false), ['h2-rst', 0]]],
            'CANCEL, of unknown length' => [null, [$data(false), ['h2-rst', 8]]],
            'closed' => ['10', [$data(false), ['close']]],
            'closed, of unknown length' => [null, [$data(false), ['close']]],
        ];
        foreach ($endings as $name => [$length, $steps]) {
            $head = [[':status', '201'], ...($length === null ? [] : [['content-length', $length]])];
            self::$server->script('h2', [['read'], ['h2-head', $head, false], ...$steps, ['silence']]);
            $outcome = self::call(self::request('h2'));

            self::assertSame(1, self::requests('h2'), $name);
            if ($name === 'NO_ERROR, of unknown length' && self::deviates('http2-no-error')) {
                self::assertSame(['201', 'part'], [$outcome->brief(), $outcome->body], $name);
            } else {
                self::assertFailed('protocol.closed_early', 'yes', $outcome, 201, $name);
            }
        }
    }

    /**
     * @dataProvider connectionErrors
     * @param list<array<mixed>> $steps
     */
    public function testABodyOfUnknownLengthInAConnectionThatBreaks(array $steps): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        foreach (['part', ''] as $body) {
            $data = $body === '' ? [] : [['h2-data', base64_encode($body), false]];
            self::$server->script('h2', [['read'], ['h2-head', [[':status', '200']], false], ...$data, ...$steps, ['silence']]);
            $outcome = self::call(self::request('h2'));

            self::assertContains($outcome->code, ['protocol.invalid', 'protocol.closed_early'], $outcome->brief());
            self::assertSame(['yes', 200], [$outcome->sent, $outcome->httpStatus]);
            self::assertSame(1, self::requests('h2'));
        }
    }

    /**
     * @return iterable<string, array{list<array<mixed>>}>
     */
    public static function connectionErrors(): iterable
    {
        $frame = static fn (int $kind, int $flags, ?int $stream, string $payload): array
            => ['h2-frame', $kind, $flags, $stream, base64_encode($payload)];
        yield 'DATA on a stream that nobody opened' => [[$frame(0, 1, 99, 'x')]];
        yield 'DATA on no stream' => [[$frame(0, 0, 0, 'x')]];
        yield 'DATA above the limit' => [[$frame(0, 0, null, str_repeat('x', 20_000))]];
        yield 'DATA of padding alone' => [[$frame(0, 8, null, "\xFFx")]];
        yield 'HEADERS on a stream that nobody opened' => [[$frame(1, 5, 99, "\x88")]];
        yield 'HEADERS on no stream' => [[$frame(1, 5, 0, "\x88")]];
        yield 'an unfinished block' => [[$frame(1, 0, null, "\x88"), $frame(0, 1, null, 'x')]];
        yield 'a block that is none' => [[$frame(1, 5, null, str_repeat("\xFF", 8))]];
        yield 'a CONTINUATION of nothing' => [[$frame(9, 4, null, "\x88")]];
        yield 'a short PING' => [[$frame(6, 0, 0, '1234')]];
        yield 'short SETTINGS' => [[$frame(4, 0, 0, '1234')]];
        yield 'SETTINGS with a window that overflows' => [[$frame(4, 0, 0, "\0\4\xFF\xFF\xFF\xFF")]];
        yield 'a window that overflows' => [[$frame(8, 0, 0, "\x7F\xFF\xFF\xFF")]];
        yield 'a window of nothing more' => [[$frame(8, 0, 0, "\0\0\0\0")]];
        yield 'a reset of no stream' => [[$frame(3, 0, 0, "\0\0\0\1")]];
        yield 'a reset of a stream that nobody opened' => [[$frame(3, 0, 99, "\0\0\0\1")]];
        yield 'a short GOAWAY' => [[$frame(7, 0, 0, "\0\0\0")]];
        yield 'HTTP/1.1' => [[FaultServer::write("HTTP/1.1 400 Bad Request\r\n\r\n")]];
        yield 'GOAWAY of nothing' => [[['h2-goaway', 0, 0]]];
        yield 'GOAWAY with an error, and the end' => [[['h2-goaway', null, 2], ['close']]];
        yield 'GOAWAY, and the end' => [[['h2-goaway', null, 0], ['close']]];
        yield 'a reset, and the end' => [[['h2-rst', 8], ['close']]];
        yield 'the end' => [[['close']]];
    }

    public function testAGoawayThatLetsTheStreamEnd(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $endings = [
            'data' => [['h2-data', base64_encode('whole'), true]],
            'an empty frame' => [['h2-data', base64_encode('whole'), false], ['h2-data', '', true]],
            'trailers' => [['h2-data', base64_encode('whole'), false], ['h2-head', [['x-a', 'b']], true]],
        ];
        foreach ($endings as $name => $steps) {
            foreach ([null, 2 ** 31 - 1] as $last) {
                self::$server->script('h2', [
                    ['read'],
                    ['h2-head', [[':status', '200']], false],
                    ['h2-data', base64_encode('the '), false],
                    ['h2-goaway', $last, 0],
                    ...$steps,
                    ['silence'],
                ]);
                $outcome = self::call(self::request('h2'));
                self::assertSame(['200', 'the whole'], [$outcome->brief(), $outcome->body], $name . $outcome->message());
            }
        }
    }

    public function testViolationsOfHttp2(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $frame = static fn (int $kind, int $flags, ?int $stream, string $payload): array
            => ['h2-frame', $kind, $flags, $stream, base64_encode($payload)];
        $violations = [
            'no status' => ['h2-head', [['a', 'b']], true],
            'a field of the connection' => ['h2-head', [[':status', '200'], ['transfer-encoding', 'chunked']], true],
            'a stream that nobody opened' => $frame(0, 1, 99, 'x'),
            'an unfinished block' => $frame(1, 0, null, "\x88"),
            'a block that is none' => $frame(1, 5, null, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
            'a frame above the limit' => $frame(0, 0, null, str_repeat('x', 20_000)),
            'a length that is no number' => ['h2-head', [[':status', '200'], ['content-length', 'x']], true],
            'upper case in a name' => ['h2-head', [[':status', '200'], ['X-A', 'b']], true],
        ];
        foreach ($violations as $name => $step) {
            $follow = $name === 'an unfinished block' ? [$frame(0, 1, null, 'x')] : [];
            self::$server->script('h2', [['read'], $step, ...$follow, ['silence']]);
            $outcome = self::call(self::request('h2'));

            $codes = ['protocol.invalid', ...(self::deviates('http2-violation') ? ['protocol.closed_early'] : [])];
            self::assertContains($outcome->code, $codes, $name . ' ' . $outcome->brief() . $outcome->message());
            self::assertContains($outcome->sent, ['maybe', 'yes'], $name);
            self::assertFalse($outcome->retryable, $name);
            self::assertSame(1, self::requests('h2'), $name);
        }
    }

    public function testMoreDataThanWasAnnounced(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        self::$server->script('h2', [
            ['read'],
            ['h2-head', [[':status', '200'], ['content-length', '4']], false],
            ['h2-data', base64_encode('four'), false],
            ['h2-data', base64_encode('more'), true],
            ['silence'],
        ]);
        $outcome = self::call(self::request('h2'));
        if (self::deviates('http2-violation')) {
            self::assertSame(['200', 'four'], [$outcome->brief(), $outcome->body]);
        } else {
            self::assertFailed('protocol.invalid', 'yes', $outcome, 200);
        }
    }

    public function testAnAnswerBeforeTheRequestWasRead(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $body = str_repeat('x', 20_000_000);
        $head = static fn (?string $length, bool $end): array
            => ['h2-head', [[':status', '413'], ...($length === null ? [] : [['content-length', $length]])], $end];
        $data = ['h2-data', base64_encode('big'), true];
        $answers = [
            'a reset' => ['big', [$head('3', false), $data, ['h2-rst', 0]]],
            'nothing more' => ['big', [$head('3', false), $data]],
            'another reset' => ['big', [$head('3', false), $data, ['h2-rst', 8]]],
            'GOAWAY' => ['big', [$head('3', false), $data, ['h2-goaway', null, 0]]],
            'no body' => ['', [$head('0', true)]],
            'no body, and a reset' => ['', [$head('0', true), ['h2-rst', 0]]],
            'no length, and a reset' => ['big', [$head(null, false), $data, ['h2-rst', 0]]],
            'no length, no body, and a reset' => ['', [$head(null, true), ['h2-rst', 0]]],
            'no length' => ['big', [$head(null, false), $data]],
            'no length, no body' => ['', [$head(null, true)]],
            'no length, and another reset' => ['big', [$head(null, false), $data, ['h2-rst', 8]]],
        ];
        foreach ($answers as $name => [$text, $steps]) {
            self::$server->script('h2', [['h2-fill'], ...$steps, ['silence']]);
            $outcome = self::call(self::request('h2', body: $body));

            self::assertSame(['413', $text], [$outcome->brief(), $outcome->body], $name . $outcome->message());
            // The bytes that the server's window allowed.
            $room = self::deviates('http2-early-response') ? range(65_535, 131_072) : [65_535];
            self::assertContains($outcome->audit['bytes_out'], $room, $name);
        }
    }

    public function testALargeRequestAndALargeAnswer(): void
    {
        $body = random_bytes(3_000_000);
        self::$server->answers('h2', [FaultServer::answer(200, [], $body)]);
        $outcome = self::call(self::request('h2', body: $body));

        self::assertSame($body, $outcome->body, $outcome->message());
        self::assertSame($body, self::received('h2')->body);
    }

    /** Whether the transport offers HTTP/2: PhpTransport does so only with libcurl 8.14.1 or newer. */
    private static function offersHttp2(): bool
    {
        return !self::deviates('http2') || self::hasCurl(0x080E01);
    }

    /** The HTTP version that the transport speaks with a listener; the listener "h2" offers both. */
    protected static function httpVersion(string $listener): string
    {
        return $listener === 'h2' && self::offersHttp2() ? '2' : '1.1';
    }

    /**
     * Whether a case can run over HTTP/2. Where the transport does not offer it, this asserts instead that a server with both versions
     * receives HTTP/1.1, and that a chunked body which the end of the connection cuts off is a failure.
     */
    protected static function speaksHttp2(): bool
    {
        if (self::offersHttp2()) {
            return true;
        }
        $head = FaultServer::write("HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n");
        self::$server->script('h2', [['read'], $head, ['close']]);
        $outcome = self::call(self::request('h2'));

        self::assertSame('http/1.1', self::$server->seen('h2')[0]['alpn']);
        self::assertFailed('protocol.closed_early', 'yes', $outcome, 201);
        return false;
    }
}
