<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Which requests are attempted again and after which pause, counted by the requests that the server received.
 */
trait AttemptCases
{
    /**
     * @dataProvider versions
     */
    public function testAnAnswerThatMayPassIsAskedForAgain(string $listener): void
    {
        foreach ([429, 502, 503, 504] as $status) {
            foreach ([['GET', null], ['PUT', null], ['DELETE', null], ['POST', 'order-17'], ['PATCH', 'order-17']] as [$method, $key]) {
                $busy = FaultServer::answer($status, [['retry-after', '0']], 'busy');
                self::$server->answers($listener, [$busy], [$busy], [FaultServer::answer(200, [], 'now')]);
                $outcome = self::call(self::attempts(3, $listener, method: $method, body: 'four', idempotencyKey: $key));
                $received = self::$server->requests($listener);

                self::assertSame(['200', 'now'], [$outcome->brief(), $outcome->body], $method . $outcome->message());
                $errors = ['http_' . $status, 'http_' . $status];
                self::assertSame([3, $errors, 12], [$outcome->audit['attempts'], $outcome->audit['attempt_errors'],
                    $outcome->audit['bytes_out']]);
                self::assertSame(['four', 'four', 'four'], array_column($received, 'body'));
                $keys = array_map(static fn ($request): ?string => $request->value('idempotency-key'), $received);
                self::assertSame([$key, $key, $key], $keys);
            }
        }
    }

    /** The response to HEAD has no body, even where its fields describe one. */
    public function testAHeadRequestIsRepeatedAsAnyOther(): void
    {
        foreach ([[429, []], [503, [['content-length', '9']]], [504, []]] as [$status, $headers]) {
            $busy = FaultServer::answer($status, [['retry-after', '0'], ...$headers]);
            self::$server->answers('plain', [$busy], [FaultServer::answer(200)]);
            $outcome = self::call(self::attempts(2, method: 'HEAD'));

            self::assertSame(['200', ''], [$outcome->brief(), $outcome->body], $outcome->message());
            self::assertSame([2, ['http_' . $status]], [$outcome->audit['attempts'], $outcome->audit['attempt_errors']]);
        }
    }

    public function testTheBytesOfEveryAttemptCount(): void
    {
        // One second, so that the body has arrived before the next attempt.
        $busy = FaultServer::answer(503, [['retry-after', '1']], 'busy');
        self::$server->answers('plain', [$busy], [FaultServer::answer(200, [], 'now')]);
        $outcome = self::call(self::attempts(2, method: 'GET'));

        self::assertSame('now', $outcome->body);
        self::assertSame(self::deviates('unread-responses') ? 3 : 7, $outcome->audit['bytes_in']);
    }

    public function testAnAnswerThatStandsIsNotAskedForAgain(): void
    {
        foreach ([200, 301, 400, 401, 404, 408, 409, 425, 500, 501, 505, 507] as $status) {
            self::$server->answers('plain', [FaultServer::answer($status, [], 'one')], [FaultServer::answer(200)]);
            $outcome = self::call(self::attempts(3, method: 'GET'));

            self::assertSame([(string) $status, 'one', 1], [$outcome->brief(), $outcome->body, self::requests()]);
        }
    }

    public function testTheLastAnswerIsTheCallers(): void
    {
        foreach ([1, 2, 4] as $attempts) {
            self::$server->answers('plain', [FaultServer::answer(503, [['retry-after', '0']], 'busy')]);
            $outcome = self::call(self::attempts($attempts, method: 'GET'));

            self::assertSame(['503', 'busy'], [$outcome->brief(), $outcome->body]);
            self::assertSame([$attempts, $attempts], [$outcome->audit['attempts'], self::requests()]);
        }
    }

    /** A POST without an idempotency key is sent once, whatever number of attempts is allowed. */
    public function testAPostWithoutAKeyArrivesExactlyOnce(): void
    {
        $ends = [
            'busy' => [FaultServer::answer(503, [['retry-after', '0']])],
            'too many' => [FaultServer::answer(429, [['retry-after', '0']])],
            'closed' => [['close']],
            'cut' => [['cut']],
            'reset' => [['reset']],
            'half a head' => [FaultServer::write('HTTP/1.1 20')],
            'garbage' => [FaultServer::write("\x16\x03\x01\x02\0\r\n\r\n")],
            'half a body' => [FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok")],
        ];
        foreach (['plain', 'tls'] as $listener) {
            foreach ($ends as $name => $steps) {
                foreach (['POST', 'PATCH'] as $method) {
                    self::$server->script($listener, [['read'], ...$steps]);
                    $outcome = self::call(self::attempts(3, $listener, method: $method, body: 'once'));

                    self::assertSame(['once'], array_column(self::$server->requests($listener), 'body'), $name);
                    self::assertSame([1, 1, 4], [self::connections($listener), $outcome->audit['attempts'],
                        $outcome->audit['bytes_out']], $name);
                }
            }
        }
    }

    public function testARedirectDoesNotMakeARequestHarmless(): void
    {
        // The server has processed the POST; only the target of the redirect is busy.
        $see = FaultServer::answer(303, [['location', '/v1/done']]);
        $busy = FaultServer::answer(503, [['retry-after', '0']]);
        $policy = self::policy(maxAttempts: 3, maxRedirects: 1);
        self::$server->answers('plain', [$see], [$busy], [FaultServer::answer()]);
        $outcome = self::call(self::request(body: 'once', policy: $policy));

        self::assertSame(['503', 1], [$outcome->brief(), $outcome->audit['attempts']]);
        self::assertSame(['POST', 'GET'], array_column(self::$server->requests('plain'), 'method'));

        self::$server->answers('plain', [$see], [$busy], [$see], [FaultServer::answer()]);
        $outcome = self::call(self::request(body: 'once', policy: $policy, idempotencyKey: 'order-17'));

        self::assertSame(['200', 2], [$outcome->brief(), $outcome->audit['attempts']]);
        self::assertSame(['POST', 'GET', 'POST', 'GET'], array_column(self::$server->requests('plain'), 'method'));
    }

    public function testARefusedRedirectIsNotRepeated(): void
    {
        self::$server->answers('plain', [FaultServer::answer(302, [['location', 'https://elsewhere.example/']])]);
        $outcome = self::call(self::request(method: 'GET', policy: self::policy(maxAttempts: 3, maxRedirects: 1)));

        self::assertFailed('policy.redirect_not_allowed', 'yes', $outcome, 302);
        self::assertSame([1, 1], [self::requests(), $outcome->audit['attempts']]);
    }

    public function testARefusedAddressIsNotAskedForAgain(): void
    {
        $elsewhere = ['host' => 'localhost', 'networks' => ['10.0.0.0/8'], 'ports' => [self::$server->port('plain')]];
        $outcome = self::call(self::attempts(3, method: 'GET'), self::make(['internal_hosts' => [$elsewhere]]));

        self::assertFailed('policy.address_not_allowed', 'no', $outcome);
        self::assertSame(1, $outcome->audit['attempts']);
    }

    public function testEachAttemptHasItsError(): void
    {
        $key = ['idempotencyKey' => 'order-17', 'body' => 'four'];
        $busy = FaultServer::answer(503, [['retry-after', '0'], ['connection', 'close']]);
        $broken = FaultServer::write("garbage\r\n\r\n");
        $ends = [
            '200' => [[[$busy], [['close']], [FaultServer::answer()]], ['http_503', 'protocol.closed_early']],
            '404' => [[[$broken], [$busy], [FaultServer::answer(404)]], ['protocol.invalid', 'http_503', 'http_404']],
            'protocol.closed_early yes' => [
                [[$busy], [['close']]],
                ['http_503', 'protocol.closed_early', 'protocol.closed_early'],
            ],
            'protocol.invalid maybe' => [
                [[['close']], [$broken]],
                ['protocol.closed_early', 'protocol.invalid', 'protocol.invalid'],
            ],
            'response.too_large yes' => [
                [[$busy], [FaultServer::answer(503, [['content-length', '999']])]],
                ['http_503', 'response.too_large'],
            ],
        ];
        foreach ($ends as $brief => [$connections, $errors]) {
            self::$server->script('plain', ...array_map(static fn (array $steps): array => [['read'], ...$steps], $connections));
            $policy = self::policy(maxAttempts: count($errors) + ($brief === 200 ? 1 : 0), responseBytes: 100);
            $outcome = self::call(self::request(...$key + ['policy' => $policy]));

            self::assertSame([(string) $brief, $errors], [$outcome->brief(), $outcome->audit['attempt_errors']]);
            self::assertSame($outcome->audit['attempts'], self::requests());
            self::assertSame(4 * $outcome->audit['attempts'], $outcome->audit['bytes_out']);
        }
    }

    /**
     * @dataProvider waits
     * @param list<array{string, string}> $fields of the response
     */
    public function testAPauseThatTheServerAsksForIsKept(array $fields, int $leastMs): void
    {
        self::$server->answers('plain', [FaultServer::answer(503, $fields)], [FaultServer::answer()]);
        $outcome = self::call(self::attempts(2, method: 'GET'));

        self::assertSame(['200', 2], [$outcome->brief(), self::requests()]);
        self::assertGreaterThanOrEqual(1000 * $leastMs, $outcome->audit['duration_us']);
    }

    /**
     * @return iterable<string, array{list<array{string, string}>, int}>
     */
    public static function waits(): iterable
    {
        $date = ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'];
        yield 'seconds' => [[['retry-after', '1']], 1000];
        yield 'a date, by the clock of the server' => [[['retry-after', 'Sun, 06 Nov 1994 08:49:38 GMT'], $date], 1000];
        yield 'a date of RFC 850' => [[['retry-after', 'Sunday, 06-Nov-94 08:49:38 GMT'], $date], 1000];
        yield 'a date of C' => [[['retry-after', 'Sun Nov  6 08:49:38 1994'], $date], 1000];
        yield 'a date that is nearly one' => [[['retry-after', 'sun, 6 nov 1994 8:49:38 GMT'], $date], 1000];
        yield 'a date that has passed' => [[['retry-after', 'Sun, 06 Nov 1994 08:49:38 GMT']], 0];
        // A date with the wrong day of the week is ignored, so the pause is the usual one before a second attempt.
        yield 'no date' => [[['retry-after', 'Mon, 06 Nov 1994 09:49:37 GMT'], $date], 0];
        yield 'no number' => [[['retry-after', '3600 s']], 0];
        yield 'the first one counts' => [[['retry-after', '0'], ['retry-after', '3600']], 0];
    }

    /**
     * @dataProvider longWaits
     * @param list<array{string, string}> $fields of the response
     */
    public function testAPauseThatDoesNotFitIsNotBegun(array $fields): void
    {
        self::$server->answers('plain', [FaultServer::answer(503, $fields, 'later')], [FaultServer::answer()]);
        $outcome = self::call(self::attempts(3, method: 'GET', timeoutMs: 30_000));

        self::assertSame(['503', 'later', 1], [$outcome->brief(), $outcome->body, self::requests()]);
        self::assertSame(['http_503'], $outcome->audit['attempt_errors']);
        self::assertLessThan(20_000_000, $outcome->audit['duration_us'], 'nothing was waited for');
    }

    /**
     * @return iterable<string, array{list<array{string, string}>}>
     */
    public static function longWaits(): iterable
    {
        yield 'seconds' => [[['retry-after', '3600']]];
        yield 'more than any number' => [[['retry-after', '99999999999999999999999']]];
        yield 'the whole of the deadline' => [[['retry-after', '30']]];
        yield 'a date' => [[['retry-after', 'Tue, 31 Dec 2999 23:59:59 GMT']]];
        yield 'a date, by the clock of the server' => [
            [['retry-after', 'Sun, 06 Nov 1994 09:49:37 GMT'], ['date', 'Sun, 06 Nov 1994 08:49:37 GMT']],
        ];
    }

    /** A request with this number of attempts; $more replaces arguments of RequestSpec by name. */
    private static function attempts(int $attempts, string $listener = 'plain', mixed ...$more): RequestSpec
    {
        return self::request($listener, ...$more + ['policy' => self::policy(maxAttempts: $attempts)]);
    }
}
