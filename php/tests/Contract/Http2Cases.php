<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\FaultServer;

/**
 * Every way in which an HTTP/2 exchange breaks.
 */
trait Http2Cases
{
    public function testWhatTheServerRefusedIsCertainlyNotProcessed(): void
    {
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
                    $isReset = $name === 'REFUSED_STREAM';
                    $code = $isReset ? 'protocol.closed_early' : 'protocol.invalid';
                    self::assertFailed($code, 'maybe', $outcome, why: $why);
                    self::assertSame($isReset && $method === 'GET', $outcome->retryable, $why);
                    self::assertSame($isReset ? 6 : 1, self::requests('h2'), $why);
                } else {
                    self::assertSame('protocol.closed_early no', $outcome->brief(), $why);
                    self::assertTrue($outcome->retryable, $why);
                    self::assertSame(4, self::requests('h2'), $why);
                }
            }
        }
    }

    public function testWhatMayHaveBeenProcessedIsNotRepeated(): void
    {
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

    public function testViolationsOfHttp2(): void
    {
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

            $code = self::deviates('http2-violation') ? 'protocol.closed_early' : 'protocol.invalid';
            self::assertSame($code, $outcome->code, $name . ' ' . $outcome->brief() . $outcome->message());
            self::assertContains($outcome->sent, ['maybe', 'yes'], $name);
            self::assertFalse($outcome->retryable, $name);
            self::assertSame(1, self::requests('h2'), $name);
        }
    }

    public function testMoreDataThanWasAnnounced(): void
    {
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
        ];
        $untold = [
            'no length' => ['big', [$head(null, false), $data]],
            'no length, no body' => ['', [$head(null, true)]],
            'no length, and another reset' => ['big', [$head(null, false), $data, ['h2-rst', 8]]],
        ];
        foreach ($answers + $untold as $name => [$text, $steps]) {
            $deviates = isset($untold[$name]) && self::deviates('http2-early-answer');
            self::$server->script('h2', [['h2-fill'], ...$steps, ['silence']]);
            $outcome = self::call(self::request('h2', body: $body, timeoutMs: $deviates ? 1000 : 60_000));

            if ($deviates) {
                self::assertContains($outcome->brief(), ['timeout.total yes', 'protocol.closed_early yes'], $name);
            } else {
                self::assertSame(['413', $text], [$outcome->brief(), $outcome->body], $name . $outcome->message());
            }
            self::assertSame(65_535, $outcome->audit['bytes_out'], $name . ': what the server made room for');
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
}
