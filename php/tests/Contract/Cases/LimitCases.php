<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * Limits on the size of requests, and of the heads and bodies of responses.
 */
trait LimitCases
{
    public function testTheRequestHasACap(): void
    {
        $transport = self::make(['limits' => ['request_bytes' => 8]]);
        $send = static fn (int $length, ?int $policy): string => self::call(self::request(
            body: str_repeat('x', $length),
            policy: self::policy(requestBytes: $policy),
        ), $transport)->brief();
        self::$server->answers('plain', [FaultServer::answer()]);

        self::assertSame('policy.request_too_large no', $send(5, 4));
        self::assertSame('policy.request_too_large no', $send(9, 100));
        self::assertSame('policy.request_too_large no', $send(9, null));
        self::assertSame(0, self::connections());
        self::assertSame(['200', '200', '200'], [$send(4, 4), $send(8, 100), $send(8, null)]);
    }

    public function testTheCapOfTheBodyIsExactInEveryFraming(): void
    {
        foreach ([1, 30_000] as $length) {
            foreach ($this->framings(str_repeat('a', $length)) as $name => [$listener, $steps]) {
                self::$server->script($listener, [['read'], ...$steps]);
                $policy = self::policy(responseBytes: $length);
                $outcome = self::call(self::request($listener, method: 'GET', policy: $policy));
                self::assertSame('201', $outcome->brief(), $name . $outcome->message());
                self::assertSame([$length, $length], [strlen($outcome->body), $outcome->audit['bytes_in']], $name);

                self::$server->script($listener, [['read'], ...$steps]);
                $policy = self::policy(responseBytes: $length - 1);
                $outcome = self::call(self::request($listener, policy: $policy));
                self::assertFailed('response.too_large', 'yes', $outcome, 201, $name);
                self::assertFalse($outcome->retryable, $name);
            }
        }
    }

    public function testTheLeastOfLimitPolicyAndDefaultHolds(): void
    {
        $case = static function (int $limit, int $default, ?int $policy): string {
            self::$server->answers('plain', [FaultServer::answer(200, [], 'four')]);
            $config = ['limits' => ['response_bytes' => $limit], 'defaults' => ['response_bytes' => $default]];
            $request = self::request(policy: self::policy(responseBytes: $policy));
            return self::call($request, self::make($config))->brief();
        };
        self::assertSame('200', $case(4, 4, null));
        self::assertSame('response.too_large yes', $case(100, 3, null));
        self::assertSame('200', $case(100, 3, 4));
        self::assertSame('response.too_large yes', $case(3, 100, 100));
        self::assertSame('response.too_large yes', $case(100, 100, 3));
    }

    /**
     * @dataProvider versions
     */
    public function testAnAnnouncedLengthAboveTheCapIsRefusedBeforeTheBody(string $listener): void
    {
        $head = static::httpVersion($listener) === '2'
            ? ['h2-head', [[':status', '201'], ['content-length', '5']], false]
            : FaultServer::write("HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\n");
        // No byte of the body is sent: only the length can have been the reason.
        self::$server->script($listener, [['read'], $head, ['silence']]);
        $outcome = self::call(self::request($listener, policy: self::policy(responseBytes: 4)));

        self::assertFailed('response.too_large', 'yes', $outcome, 201);
        self::assertSame(0, $outcome->audit['bytes_in']);
    }

    public function testAnEndlessBodyStopsAtTheCap(): void
    {
        $steps = [['read'], FaultServer::write("HTTP/1.1 200 OK\r\n\r\n"), ['repeat', base64_encode(str_repeat('a', 10_000)), 100_000]];
        foreach (['plain', 'tls'] as $listener) {
            self::$server->script($listener, $steps);
            $outcome = self::call(self::request($listener, policy: self::policy(responseBytes: 100_000)));

            self::assertFailed('response.too_large', 'yes', $outcome, 200);
            self::$server->wait($listener, 'closed');
            self::assertNotContains('all-written', self::$server->seen($listener)[0]['events']);
        }
    }

    public function testHeadsAreLimitedAlikeOnBothVersions(): void
    {
        $cases = [
            // The number of fields besides content-length, the bytes of their lines with line ends, and whether they are accepted.
            [99, 60_000, true],
            [99, 65_536 - 19, true],
            [99, 65_536 - 18, false],
            [100, 20_000, false],
            [150, 20_000, false],
            [10, 200_000, false],
        ];
        foreach ($cases as [$count, $bytes, $passes]) {
            $fields = [];
            for ($number = 0; $number < $count; $number++) {
                $fields[] = [sprintf('x-%03d', $number), ''];
            }
            $fields[0][1] = str_repeat('a', $bytes - 9 * $count);
            foreach (['plain', 'h2'] as $listener) {
                self::$server->answers($listener, [FaultServer::answer(200, [...$fields, ['content-length', '0']])]);
                $outcome = self::call(self::request($listener));
                $why = $listener . ' ' . $count . ' ' . $bytes . $outcome->message();
                if ($passes) {
                    self::assertSame('200', $outcome->brief(), $why);
                    self::assertCount($count + 1, $outcome->headers);
                } else {
                    $untold = static::httpVersion($listener) === '2' && $bytes === 200_000 && self::deviates('http2-violation');
                    self::assertContains($outcome->code, ['protocol.invalid', ...($untold ? ['protocol.closed_early'] : [])], $why);
                    self::assertNotSame('no', $outcome->sent, $why);
                    self::assertSame(1, self::requests($listener), $why);
                }
            }
        }
    }

    public function testTheLimitOfHeadsCanBeLowered(): void
    {
        $transport = self::make(['limits' => ['header_bytes' => 1024]]);
        foreach ([500 => '200', 2000 => 'protocol.invalid'] as $length => $expected) {
            self::$server->answers('plain', [FaultServer::answer(200, [['x-long', str_repeat('a', $length)]])]);
            $outcome = self::call(self::request(), $transport);
            self::assertSame((string) $expected, $outcome->code ?? $outcome->brief());
        }
    }

    public function testAHundredInterimAnswersAndNoMore(): void
    {
        foreach (['plain', 'h2'] as $listener) {
            foreach ([0 => '200', 100 => '200', 101 => 'protocol.invalid', 10_000 => 'protocol.invalid'] as $count => $expected) {
                $interim = static::httpVersion($listener) === '2'
                    ? array_fill(0, $count, ['h2-head', [[':status', '103'], ['link', '</a>']], false])
                    : [['repeat', base64_encode("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), $count]];
                self::$server->answers($listener, [...$interim, FaultServer::answer(200, [], 'ok')]);
                $outcome = self::call(self::request($listener));
                self::assertSame((string) $expected, $outcome->code ?? $outcome->brief(), $listener . ' ' . $count);
                if ($outcome->code === null) {
                    self::assertSame(['ok', []], [$outcome->body, $outcome->values('link')]);
                }
                self::assertSame(1, self::requests($listener));
            }
        }
    }

    /**
     * A response with status 201 and this body in every framing: listener and steps, by the name of the framing.
     *
     * @return array<string, array{string, list<array<mixed>>}>
     */
    private function framings(string $body): array
    {
        $start = "HTTP/1.1 201 Created\r\n";
        $chunked = $start . "transfer-encoding: chunked\r\n\r\n" . dechex(strlen($body)) . "\r\n" . $body . "\r\n0\r\n\r\n";
        return [
            'content-length' => ['tls', [FaultServer::answer(201, [], $body)]],
            'chunked' => ['tls', [FaultServer::write($chunked)]],
            'until close_notify' => ['tls', [FaultServer::write($start . "\r\n" . $body)]],
            'until closed, without TLS' => ['plain', [FaultServer::write($start . "\r\n" . $body)]],
            'both versions' => ['h2', static::httpVersion('h2') === '1.1' ? [FaultServer::answer(201, [], $body)] : [
                ['h2-head', [[':status', '201']], false],
                ['h2-data', base64_encode($body), false],
                ['h2-data', '', true],
                ['silence'],
            ]],
        ];
    }

    /** A string that does not fit into memory_limit is a fatal error, so the transport has to refuse the body before it makes one. */
    public function testAnAnswerThatDoesNotFitIntoTheMemoryLimitIsTooLarge(): void
    {
        $policy = self::policy(responseBytes: 64 << 20);
        $send = static function (int $mebibytes) use ($policy): string {
            $head = "HTTP/1.1 200 OK\r\ncontent-length: " . ($mebibytes << 20) . "\r\n\r\n";
            $body = ['repeat', base64_encode(str_repeat('x', 1 << 16)), $mebibytes << 4];
            self::$server->answers('plain', [FaultServer::write($head), $body]);
            $before = ini_set('memory_limit', (string) (memory_get_usage(true) + (26 << 20)));
            try {
                $outcome = Outcome::of(self::$transport, self::request(method: 'GET', policy: $policy));
            } finally {
                ini_set('memory_limit', (string) $before);
            }
            self::assertSame([$outcome->code], array_slice($outcome->audit['attempt_errors'], -1) ?: [null]);
            return $outcome->brief() . ' ' . ($outcome->httpStatus ?? strlen($outcome->body) >> 20);
        };

        self::assertSame('200 8', $send(8));
        self::assertSame('response.too_large yes 200', $send(40));
        self::assertSame(self::deviates('memory-limit') ? 'response.too_large yes 200' : '200 20', $send(20));
    }
}
