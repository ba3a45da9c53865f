<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;

/**
 * Every way in which an HTTP/1.1 exchange fails: code, "sent", status, whether it may be repeated, and how often the server
 * received the request.
 */
trait FaultCases
{
    public function testAPostArrivesExactlyOnceWhateverHappens(): void
    {
        $answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        $ends = [
            'answered and closed' => [FaultServer::write($answer)],
            'answered and kept open' => [FaultServer::write($answer), ['silence']],
            'answered without close_notify' => [FaultServer::write($answer), ['cut']],
            'answered and reset' => [FaultServer::write($answer), ['reset']],
            'answered twice' => [FaultServer::write($answer . $answer)],
            'closed' => [['close']],
            'cut' => [['cut']],
            'reset' => [['reset']],
            'half a head' => [FaultServer::write('HTTP/1.1 20')],
            'garbage' => [FaultServer::write("\x16\x03\x01\x02\0\r\n\r\n")],
            'half a body' => [FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok")],
            'an unavailable service' => [FaultServer::answer(503, [['retry-after', '0']])],
            'a request to come again' => [FaultServer::answer(408, [['connection', 'close']])],
        ];
        foreach (['plain', 'tls'] as $listener) {
            foreach ($ends as $name => $steps) {
                self::$server->script($listener, [['read'], ...$steps]);
                $outcome = self::call(self::request($listener, body: 'once', credentials: [self::bearer()]));

                $sent = $outcome->sent ?? 'yes';
                self::assertNotSame('no', $sent, $name);
                self::assertSame(['once'], array_column(self::$server->requests($listener), 'body'), $name);
                self::assertSame(1, self::connections($listener), $name);
                self::assertSame(4, $outcome->audit['bytes_out'], $name);
            }
        }
    }

    public function testNobodyListens(): void
    {
        $port = Port::free();
        $transport = self::make(['internal_hosts' => self::internal([$port])]);
        foreach (['http', 'https'] as $scheme) {
            $outcome = self::call(self::request(baseUrl: $scheme . '://localhost:' . $port, body: 'x'), $transport);
            self::assertFailed('connect.refused', 'no', $outcome);
            self::assertTrue($outcome->retryable);
            self::assertNull($outcome->audit['remote_address']);
        }
    }

    public function testAnUnknownNameIsNotFound(): void
    {
        $outcome = self::call(self::request(baseUrl: 'https://nothing.invalid/v1'));

        // Without a name server, the resolver can only report a temporary failure.
        self::assertContains($outcome->brief(), ['dns.not_found no', 'dns.failed no']);
    }

    public function testAConnectionThatEndsBeforeOrInTheHandshake(): void
    {
        $handshakes = [
            'closed' => [['close']],
            'reset' => [['take', 1], ['reset']],
            'an HTTP server' => [FaultServer::write("HTTP/1.1 400 Bad Request\r\n\r\n"), ['silence']],
            'an alert' => [['take', 5], FaultServer::write("\x15\x03\x03\0\x02\x02\x28"), ['silence']],
            'closed in the middle' => [['take', 100], FaultServer::write("\x16\x03\x03\0\x7A\x02"), ['cut']],
        ];
        foreach ($handshakes as $name => $steps) {
            self::$server->script('plain', $steps);
            $baseUrl = 'https://localhost:' . self::$server->port('plain');
            $outcome = self::call(self::request(baseUrl: $baseUrl, body: 'x', credentials: [self::bearer()]));

            self::assertFailed('tls.handshake_failed', 'no', $outcome, why: $name);
            self::assertTrue($outcome->retryable, $name);
            self::assertSame(1, self::connections(), $name);
            self::assertStringNotContainsString(self::CANARY, self::$server->seen('plain')[0]['received'], $name);
        }
    }

    public function testAConnectionThatEndsWithoutAnAnswer(): void
    {
        foreach (['plain', 'tls'] as $listener) {
            foreach (['close', 'cut', 'reset'] as $end) {
                foreach (self::METHODS as $method) {
                    self::$server->script($listener, [['read'], [$end]]);
                    $outcome = self::call(self::request($listener, method: $method));
                    $why = implode(' ', [$listener, $end, $method]);

                    self::assertFailed('protocol.closed_early', 'maybe', $outcome, why: $why);
                    self::assertSame(!in_array($method, ['POST', 'PATCH'], true), $outcome->retryable, $why);
                    $again = in_array($method, ['GET', 'HEAD', 'OPTIONS'], true) && !self::deviates('resend');
                    self::assertSame($again ? 2 : 1, self::requests($listener), $why);
                }
                self::$server->script($listener, [['read'], [$end]]);
                $outcome = self::call(self::request($listener, idempotencyKey: 'one'));
                self::assertFailed('protocol.closed_early', 'maybe', $outcome);
                self::assertTrue($outcome->retryable, 'with an idempotency key');
                self::assertSame(1, self::requests($listener));
            }
        }
    }

    public function testAResetAfterPartOfTheRequest(): void
    {
        self::$server->script('plain', [['take', 20], ['reset']]);
        $outcome = self::call(self::request(body: str_repeat('x', 100_000)));

        self::assertFailed('protocol.closed_early', 'maybe', $outcome);
        self::assertSame(1, self::connections());
    }

    public function testPartOfAHeadIsAnAnswerBegun(): void
    {
        foreach (['HTTP', 'HTTP/1.1 20', "HTTP/1.1 200 OK\r\ncontent-length: 1"] as $part) {
            self::$server->script('tls', [['read'], FaultServer::write($part)]);
            $outcome = self::call(self::request('tls', method: 'GET'));

            $seen = self::deviates('status-line') ? $this->statusLine($part) : null;
            self::assertFailed('protocol.closed_early', $seen === null ? 'maybe' : 'yes', $outcome, $seen, $part);
            self::assertTrue($outcome->retryable);
            self::assertSame(1, self::requests('tls'), $part . ' is not asked for again');
        }
    }

    public function testBodiesThatEndEarly(): void
    {
        $cases = [
            'content-length' => "content-length: 10\r\n\r\npart",
            'no byte of it' => "content-length: 10\r\n\r\n",
            'in a chunk' => "transfer-encoding: chunked\r\n\r\n8\r\npart",
            'between chunks' => "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
            'in the size of a chunk' => "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n4",
            'before the last line' => "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n",
        ];
        foreach ($cases as $name => $rest) {
            foreach ([['plain', 'cut'], ['plain', 'reset'], ['tls', 'close'], ['tls', 'cut']] as [$listener, $end]) {
                foreach (['POST', 'GET'] as $method) {
                    self::$server->script($listener, [['read'], FaultServer::write("HTTP/1.1 201 Created\r\n" . $rest), [$end]]);
                    $outcome = self::call(self::request($listener, method: $method));
                    $why = implode(' ', [$name, $listener, $end, $method]);

                    self::assertFailed('protocol.closed_early', 'yes', $outcome, 201, $why);
                    self::assertSame($method === 'GET', $outcome->retryable, $why);
                    self::assertSame('', $outcome->body);
                    if ($end !== 'reset') {
                        // A reset discards bytes that the client has not read yet.
                        self::assertSame(str_contains($rest, 'part') ? 4 : 0, $outcome->audit['bytes_in'], $why);
                    }
                    self::assertSame(1, self::requests($listener), $why);
                }
            }
        }
    }

    public function testABodyThatEndsByClosingNeedsCloseNotify(): void
    {
        foreach (['part', ''] as $body) {
            self::$server->script('tls', [['read'], FaultServer::write("HTTP/1.1 201 Created\r\n\r\n" . $body), ['cut']]);
            $outcome = self::call(self::request('tls'));
            if (self::deviates('close-notify') && !self::hasCurl(0x080E01)) {
                self::assertSame(['201', $body], [$outcome->brief(), $outcome->body], $outcome->message());
            } else {
                self::assertFailed('protocol.closed_early', 'yes', $outcome, 201);
            }
            self::assertSame(1, self::requests('tls'));
        }
    }

    /**
     * @dataProvider unacceptable
     */
    public function testAnAnswerThatIsNotAcceptable(string $answer, ?int $status): void
    {
        foreach (['plain', 'tls'] as $listener) {
            self::$server->script($listener, [['read'], FaultServer::write($answer)]);
            $outcome = self::call(self::request($listener, body: 'x'));

            self::assertSame('protocol.invalid', $outcome->code, $outcome->brief() . $outcome->message());
            $seen = self::deviates('status-line') ? $this->statusLine($answer) : $status;
            self::assertSame([$seen === null ? 'maybe' : 'yes', $seen], [$outcome->sent, $outcome->httpStatus]);
            self::assertFalse($outcome->retryable);
            self::assertSame(1, self::requests($listener));
        }
    }

    /**
     * @return iterable<string, array{string, int|null}> bytes of a response, and its status where the head is well-formed
     */
    public static function unacceptable(): iterable
    {
        $ok = "HTTP/1.1 200 OK\r\n";
        $body = '0123456789';
        yield '101' => ["HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", 101];
        yield 'both lengths' => [$ok . "transfer-encoding: chunked\r\ncontent-length: 10\r\n\r\n" . $body, 200];
        yield 'both lengths, in the other order' => [
            "HTTP/1.1 201 Created\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            201,
        ];
        yield 'gzip, chunked' => [$ok . "transfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 200];
        yield 'gzip' => [$ok . "transfer-encoding: gzip\r\n\r\nabc", 200];
        yield 'chunked twice' => [$ok . "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 200];
        yield 'chunked in HTTP/1.0' => ["HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", null];
        yield '099' => ["HTTP/1.1 099 Low\r\ncontent-length: 0\r\n\r\n", null];
        yield 'a status of four digits' => ["HTTP/1.1 1000 Highest\r\ncontent-length: 0\r\n\r\n", null];
        yield 'a status of two digits' => ["HTTP/1.1 20 OK\r\n\r\n", null];
        yield 'garbage' => ["SSH-2.0-OpenSSH_9.2\r\n\r\n", null];
        yield 'HTTP/0.9' => ["<html></html>\r\n\r\n", null];
        yield 'another version' => ["HTTP/3.0 200 OK\r\n\r\n", null];
        $chunked = $ok . "transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n";
        yield 'a folded trailer' => [$chunked . "x-a: one\r\n two\r\n\r\n", 200];
        yield 'a trailer with a space before the colon' => [$chunked . "x-a : one\r\n\r\n", 200];
        yield '200 trailers' => [$chunked . str_repeat("x-a: one\r\n", 200) . "\r\n", 200];
        yield 'HTTP/2 in a status line' => ["HTTP/2 200 OK\r\ncontent-length: 1\r\n\r\na", null];
        yield 'a length above 2^64' => [$ok . "content-length: 18446744073709551617\r\n\r\na", null];
        yield 'a folded line' => [$ok . "x-a: one\r\n two\r\ncontent-length: 0\r\n\r\n", null];
        yield 'a space before the colon' => [$ok . "x-a : one\r\ncontent-length: 0\r\n\r\n", null];
        yield 'NUL in a value' => [$ok . "x-a: o\0e\r\ncontent-length: 0\r\n\r\n", null];
        yield 'two lengths' => [$ok . "content-length: 10\r\ncontent-length: 9\r\n\r\n" . $body, null];
        yield 'a length that is no number' => [$ok . "content-length: 1x\r\n\r\n" . $body, null];
        yield 'a signed length' => [$ok . "content-length: +10\r\n\r\n" . $body, null];
        yield 'a negative length' => [$ok . "content-length: -1\r\n\r\n" . $body, null];
        yield 'a bad chunk' => [$ok . "transfer-encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n", 200];
    }

    public function testAnEmptyLineBeforeTheStatusLine(): void
    {
        foreach (['plain', 'tls'] as $listener) {
            $answer = "\r\nHTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\na";
            self::$server->script($listener, [['read'], FaultServer::write($answer)]);
            $outcome = self::call(self::request($listener));

            if (self::deviates('empty-line')) {
                self::assertFailed('protocol.invalid', 'maybe', $outcome);
            } else {
                self::assertSame(['201', 'a'], [$outcome->brief(), $outcome->body]);
            }
        }
    }

    /** The status in the status line, null where that is not well-formed. */
    private function statusLine(string $answer): ?int
    {
        return preg_match('~^HTTP/1\.[01] ([1-9]\d\d) ~', $answer, $match) === 1 ? (int) $match[1] : null;
    }

    public function testAHeadWithoutEndIsNotKept(): void
    {
        $line = base64_encode('x-a: ' . str_repeat('a', 1000) . "\r\n");
        foreach (['plain', 'tls'] as $listener) {
            self::$server->script($listener, [['read'], FaultServer::write("HTTP/1.1 200 OK\r\n"), ['repeat', $line, 100_000]]);
            $outcome = self::call(self::request($listener));

            self::assertSame('protocol.invalid', $outcome->code, $outcome->message());
            self::$server->wait($listener, 'closed');
            self::assertNotContains('all-written', self::$server->seen($listener)[0]['events']);
        }
    }

    public function testInterimAnswersWithoutEndAreNotTaken(): void
    {
        $interim = base64_encode("HTTP/1.1 100 Continue\r\n\r\n");
        self::$server->script('plain', [['read'], ['repeat', $interim, 1_000_000]]);
        $outcome = self::call(self::request());

        self::assertSame('protocol.invalid', $outcome->code, $outcome->message());
        self::assertSame(1, self::requests());
    }

    public function testMoreThanWasAnnouncedIsNotTheBody(): void
    {
        $answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
        for ($call = 0; $call < 3; $call++) {
            self::$server->script('tls', [['read'], FaultServer::write($answer . 'four' . $answer . 'evil'), ['silence']]);
            self::assertSame('four', self::call(self::request('tls'))->body);
        }
    }

    public function testASlowAnswerInsideTheDeadline(): void
    {
        self::$server->script('tls', [['read'], ['drip', base64_encode("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow")]]);

        self::assertSame('slow', self::call(self::request('tls'))->body);
    }
}
