<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Double\PiecesOfBody;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * Calls that are begun, waited for and read in pieces.
 */
trait ExchangeCases
{
    /**
     * @return array<string, array{string, string, string}>
     */
    public static function flushes(): array
    {
        $gzip = deflate_init(ZLIB_ENCODING_GZIP);
        $first = deflate_add($gzip, 'one ', ZLIB_SYNC_FLUSH);
        return [
            'as it is' => ['', 'one ', 'two'],
            'gzip' => ["content-encoding: gzip\r\n", (string) $first, (string) deflate_add($gzip, 'two', ZLIB_FINISH)],
        ];
    }

    /**
     * @dataProvider flushes
     */
    public function testWhatTheServerHasFlushedCanBeRead(string $coding, string $first, string $rest): void
    {
        self::$server->script('plain', [
            ['read'],
            FaultServer::write("HTTP/1.1 200 OK\r\n{$coding}transfer-encoding: chunked\r\n\r\n" . self::chunk($first)),
            ['hold'],
            FaultServer::write(self::chunk($rest) . "0\r\n\r\n"),
        ]);
        $exchange = self::start(self::request());

        self::assertSame('one ', self::next($exchange));
        self::assertSame([200, static::recordedVersion()], [$exchange->head()?->status, $exchange->head()?->httpVersion]);
        self::assertNotContains('content-encoding', array_column($exchange->head()->headers ?? [], 0));
        self::assertNull($exchange->read(10));
        self::$server->release('plain');
        self::assertSame('two', self::next($exchange));
        self::assertSame('', self::next($exchange));
        self::assertSame('', $exchange->read(10));
        $record = self::record($exchange);
        self::assertSame([200, null, 1, []], self::values($record, 'status', 'error_code', 'attempts', 'attempt_errors'));
        self::assertSame('yes', $record['sent']);
        self::assertSame(strlen($first . $rest), $record['bytes_in']);
    }

    public function testSeveralAreUnderWayAtOnce(): void
    {
        self::$server->script('tls', [['read'], ['hold'], FaultServer::answer(201, [], 'late')]);
        $exchanges = [];
        for ($number = 0; $number < 5; $number++) {
            $exchanges[] = self::start(self::request('tls'), isCollected: true);
        }
        while (self::connections('tls') < 5 || self::requests('tls') < 5) {
            self::assertSame([], self::exchanges()->wait($exchanges, 5));
        }
        self::assertNull($exchanges[0]->head());
        self::$server->release('tls');
        while ($exchanges !== []) {
            foreach (self::exchanges()->wait($exchanges, 1000) as $ready) {
                self::assertSame(201, $ready->head()?->status);
                self::assertSame(['late', ''], [$ready->read(PHP_INT_MAX), $ready->read(1)]);
                $exchanges = array_values(array_filter($exchanges, static fn (ExchangeInterface $one): bool => $one !== $ready));
            }
        }
    }

    public function testAConnectionThatTheServerHasClosedMeanwhileIsNotUsedAgain(): void
    {
        foreach (['tls', 'h2'] as $listener) {
            foreach ([false, true] as $isCollected) {
                self::$server->script(
                    $listener,
                    [['read'], FaultServer::answer(201, [], 'one'), ['hold']],
                    [['read'], FaultServer::answer(202, [], 'two'), ['hold', 2]],
                );
                foreach (['one', 'two'] as $number => $body) {
                    $exchange = self::start(self::request($listener), isCollected: $isCollected);
                    self::assertSame([$body, ''], [self::next($exchange), self::next($exchange)], $listener);
                    self::assertFalse(self::record($exchange)['connection_reused']);
                    self::$server->release($listener);
                    self::$server->wait($listener, 'ended', $number + 1);
                }
            }
        }
    }

    public function testAnUnreadOneHoldsLittleAndStopsTheSender(): void
    {
        $size = 48 << 20;
        self::$server->script('plain', [
            ['read'],
            FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: $size\r\n\r\n"),
            ['repeat', base64_encode(str_repeat('x', 1 << 16)), $size >> 16],
        ]);
        $exchange = self::start(self::request(policy: self::policy(responseBytes: $size)));
        $other = self::start(self::request());
        for ($before = memory_get_usage(), $rounds = 0; $rounds < 20; $rounds++) {
            self::exchanges()->wait([$other], 5);
        }
        self::assertLessThan(2 << 20, memory_get_usage() - $before);
        self::assertNotContains('all-written', self::$server->seen('plain')[0]['events']);
        $read = 0;
        while (($bytes = self::next($exchange)) !== '') {
            $read += strlen($bytes);
            self::assertLessThan(4 << 20, memory_get_usage() - $before);
        }
        self::assertSame($size, $read);
    }

    public function testUnreadOnesKeepNoOtherFromItsEnd(): void
    {
        $unread = [
            ['read'],
            FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 6488064\r\n\r\n"),
            ['repeat', base64_encode(str_repeat('x', 1 << 16)), 99],
        ];
        self::$server->script('plain', ...[...array_fill(0, 100, $unread), [['read'], FaultServer::answer(201)]]);
        $before = memory_get_usage();
        $streams = [];
        for ($number = 0; $number < 100; $number++) {
            $streams[] = $stream = self::start(self::request());
            while ($stream->head() === null) {
                self::exchanges()->wait([$stream], 1000);
            }
        }
        self::assertSame('201', self::call(self::request())->brief());
        self::assertLessThan(110 << 20, memory_get_usage() - $before);
        self::assertSame(1 << 16, strlen(self::next($streams[50])));
        array_map(static fn (ExchangeInterface $stream): array|AuditText => $stream->end(), $streams);
        self::$server->wait('plain', 'closed', 101);
    }

    public function testACancelledOneIsClosedAtOnce(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), ['silence']]);
        $exchange = self::start(self::request());
        self::assertSame('abc', self::next($exchange));

        $exchange->cancel();

        self::$server->wait('plain', 'closed');
        self::assertSame('cancelled.requested yes', self::failureOf($exchange));
        self::assertSame('cancelled.requested yes', self::failureOf($exchange), 'asked again');
        self::assertSame([200, 'cancelled.requested'], self::values(self::record($exchange), 'status', 'error_code'));
    }

    public function testOneThatIsCancelledBeforeItsHead(): void
    {
        self::$server->script('plain', [['read'], ['silence']]);
        $exchange = self::start(self::request());
        while (self::requests() === 0) {
            self::exchanges()->wait([$exchange], 5);
        }

        $exchange->cancel();

        self::$server->wait('plain', 'closed');
        self::assertSame('cancelled.requested maybe', self::failureOf($exchange));
        self::assertSame(
            [null, ['cancelled.requested']],
            self::values(self::record($exchange), 'status', 'attempt_errors'),
        );
    }

    public function testOneThatIsDroppedIsAbandoned(): void
    {
        $script = [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), ['silence']];
        self::$server->script('plain', $script);
        $exchange = self::start(self::request());
        self::next($exchange);
        self::assertSame([200, 'cancelled.abandoned', 'yes'], self::values(self::record($exchange), 'status', 'error_code', 'sent'));
        self::assertSame('cancelled.abandoned yes', self::failureOf($exchange));
        self::$server->wait('plain', 'closed');

        self::$server->script('plain', $script);
        $exchange = self::start(self::request());
        self::next($exchange);
        unset($exchange);
        self::$server->wait('plain', 'closed');
    }

    public function testABrokenBodyNeverLooksShort(): void
    {
        $head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        self::$server->script('plain', [['read'], FaultServer::write($head . self::chunk('abc')), ['cut']]);
        $exchange = self::start(self::request());

        self::assertSame('abc', self::next($exchange));
        self::assertSame('protocol.closed_early yes', self::failureOf($exchange));
        self::assertSame(['protocol.closed_early'], self::record($exchange)['attempt_errors']);
    }

    public function testAttemptsAndRedirectsAreSettledAtTheHead(): void
    {
        self::$server->answers(
            'plain',
            [FaultServer::answer(503, [], 'again')],
            [FaultServer::answer(302, [['location', '/v1/there']], 'there')],
            [FaultServer::answer(200, [], 'here')],
        );
        $policy = self::policy(maxAttempts: 2, maxRedirects: 1);
        $exchange = self::start(self::request(method: 'GET', policy: $policy));

        self::assertSame('here', self::next($exchange));
        self::assertSame(200, $exchange->head()?->status);
        self::assertSame('', self::next($exchange));
        self::assertSame([2, ['http_503']], self::values(self::record($exchange), 'attempts', 'attempt_errors'));
    }

    public function testARefusedOneIsThrownBeforeAnythingIsSent(): void
    {
        self::$server->script('plain', [['read']]);
        $code = null;
        try {
            self::start(self::request(method: 'PURGE'));
        } catch (OutboundException $refusal) {
            $code = $refusal->errorCode();
        }
        self::assertSame('policy.method_not_allowed', $code);
        self::assertSame(0, self::connections());
    }

    public function testTheDefaultTimeCoversTheFirstByteOnly(): void
    {
        $transport = self::make(['defaults' => ['timeout_ms' => 400, 'connect_timeout_ms' => 60_000]]);
        self::$server->script('plain', [
            ['read'],
            FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"),
            ['hold'],
            FaultServer::write('b'),
        ]);
        $exchange = self::start(self::request(), $transport);
        self::assertSame('a', self::next($exchange, $transport));
        $until = hrtime(true) + 450_000_000;
        while (hrtime(true) < $until) {
            self::assertSame([], self::exchanges($transport)->wait([$exchange], 50));
        }
        self::$server->release('plain');
        self::assertSame(['b', ''], [self::next($exchange, $transport), self::next($exchange, $transport)]);

        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"), ['silence']]);
        $exchange = self::start(self::request(), $transport);
        self::assertSame('timeout.total yes', self::failureOf($exchange, $transport));
    }

    /**
     * @return array<string, array{array<string, mixed>, int|null, int|null}>
     */
    public static function totals(): array
    {
        return [
            'of the request' => [[], 500, null],
            'of the policy' => [[], null, 500],
            'of the limits' => [['limits' => ['timeout_ms' => 500]], null, null],
        ];
    }

    /**
     * @dataProvider totals
     * @param array<string, mixed> $configuration
     */
    public function testTheTotalTimeHoldsBehindTheFirstByte(array $configuration, ?int $request, ?int $policy): void
    {
        $transport = self::make($configuration + ['defaults' => ['timeout_ms' => 400]]);
        $head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        self::$server->script('plain', [['read'], FaultServer::write($head . 'a'), ['silence']]);
        $exchange = self::start(self::request(policy: self::policy(timeoutMs: $policy), timeoutMs: $request), $transport);
        self::assertSame('a', self::next($exchange, $transport));
        self::assertSame('timeout.total yes', self::failureOf($exchange, $transport));
        self::assertSame(
            [200, 'timeout.total', 1],
            self::values(self::record($exchange), 'status', 'error_code', 'bytes_in'),
        );
        self::$server->wait('plain', 'closed');
    }

    public function testTheTimeForAConnectionEndsWithIt(): void
    {
        self::$server->answers('plain', [['hold'], FaultServer::answer(201, [], 'late')]);
        $exchange = self::start(self::request(connectTimeoutMs: 2000));
        while (self::requests() === 0) {
            self::exchanges()->wait([$exchange], 5);
        }
        for ($until = hrtime(true) + 2_100_000_000; hrtime(true) < $until;) {
            self::assertSame([], self::exchanges()->wait([$exchange], 100));
        }
        self::$server->release('plain');
        self::assertSame('late', self::next($exchange));

        self::$server->script('plain', [['silence']]);
        $silent = self::request(baseUrl: 'https://localhost:' . self::$server->port('plain'), connectTimeoutMs: 300);
        self::assertSame('timeout.connect no', self::failureOf(self::start($silent)));
        self::$server->wait('plain', 'closed');
    }

    public function testNothingMayComeForALimitedTime(): void
    {
        self::$server->script('plain', [
            ['read'],
            FaultServer::write("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na"),
            ['hold'],
            FaultServer::write('b'),
            ['silence'],
        ]);
        $exchange = self::exchanges()->start(self::request(idleTimeoutMs: 300));
        self::assertSame('a', self::next($exchange));
        usleep(350_000);
        if (self::deviates('idle-pause')) {
            self::assertSame('timeout.idle yes', self::failureOf($exchange));
            return;
        }
        self::assertNull($exchange->read(1), 'a pause of the caller is not counted');
        self::$server->release('plain');
        self::assertSame('b', self::next($exchange));
        self::assertSame('timeout.idle yes', self::failureOf($exchange));
        self::$server->wait('plain', 'closed');
    }

    public function testInterimResponsesAreNoProgress(): void
    {
        // Each comes within the time after the last one; there may be a hundred.
        $interim = base64_encode("HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\n");
        foreach ([false, true] as $isCollected) {
            self::$server->script('plain', [['read'], ['pace', $interim, 0.05]]);
            $exchange = self::exchanges()->start(self::request(idleTimeoutMs: 300), isCollected: $isCollected);
            self::assertSame('timeout.idle maybe', self::failureOf($exchange));
            self::assertSame([null, 0], self::values(self::record($exchange), 'status', 'bytes_in'));
        }
    }

    /**
     * @return array<string, array{string, string, int|null}>
     */
    public static function stalls(): array
    {
        $head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        return [
            'before the head' => ["HTTP/1.1 103 Early\r\n\r\n", 'maybe', null],
            'after the head' => [$head, 'yes', 200],
            'in the body' => [$head . 'ab', 'yes', 200],
        ];
    }

    /**
     * @dataProvider stalls
     */
    public function testNothingMayComeOfAWholeOneForALimitedTime(string $written, string $sent, ?int $status): void
    {
        foreach (['GET' => true, 'POST' => false] as $method => $isRetryable) {
            self::$server->script('plain', [['read'], FaultServer::write($written), ['silence']]);
            $request = self::request(method: $method, policy: self::policy(maxAttempts: 2), idleTimeoutMs: 300);
            $exchange = self::exchanges()->start($request, isCollected: true);
            $failure = self::thrownBy($exchange);
            self::assertSame(
                ['timeout.idle', $sent, $isRetryable],
                [$failure?->errorCode(), $failure?->sent(), $failure?->isRetryable()],
                $method,
            );
            self::assertSame(
                [$status, 'timeout.idle', 1, ['timeout.idle']],
                self::values(self::record($exchange), 'status', 'error_code', 'attempts', 'attempt_errors'),
                $method,
            );
            self::assertSame(substr_count($written, 'ab') * 2, self::record($exchange)['bytes_in']);
            self::$server->wait('plain', 'closed');
        }
    }

    public function testWhatComesOfAWholeOneBeginsItsTimeAnew(): void
    {
        $body = str_repeat('x', 600);
        $answer = ['drip', base64_encode("HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\n" . $body)];
        self::$server->script('plain', [['read'], $answer]);
        $exchange = self::exchanges()->start(self::request(idleTimeoutMs: 300), isCollected: true);
        self::assertSame([$body, ''], [self::next($exchange), self::next($exchange)]);
    }

    /**
     * @return array<string, array{int|null}>
     */
    public static function lengths(): array
    {
        return ['known' => [200_000], 'unknown' => [null]];
    }

    /**
     * @dataProvider lengths
     */
    public function testABodyIsSentInPieces(?int $length): void
    {
        foreach (['plain', 'tls'] as $listener) {
            self::$server->answers($listener, [FaultServer::answer(200, [], 'ok')]);
            $source = new PiecesOfBody(array_fill(0, 20, str_repeat('p', 10_000)), $length);
            $exchange = self::start(self::request($listener, credentials: [self::bearer()]), body: $source);

            self::assertSame(['ok', ''], [self::next($exchange), self::next($exchange)]);
            self::assertSame(str_repeat('p', 200_000), self::received($listener)->body);
            self::assertSame(200_000, self::record($exchange)['bytes_out']);
        }
    }

    private static function exchanges(?TransportInterface $transport = null): ExchangesInterface
    {
        $transport ??= self::$transport;
        self::assertInstanceOf(ExchangesInterface::class, $transport);
        return $transport;
    }

    private static function start(
        RequestSpec $request,
        ?TransportInterface $transport = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface {
        return self::exchanges($transport)->start($request, null, $body, $isCollected);
    }

    /** The next bytes, which are waited for. */
    private static function next(ExchangeInterface $exchange, ?TransportInterface $transport = null): string
    {
        $until = hrtime(true) + 30_000_000_000;
        while (($bytes = $exchange->read(1 << 16)) === null) {
            self::assertLessThan($until, hrtime(true), 'nothing came');
            self::exchanges($transport)->wait([$exchange], 1000);
        }
        return $bytes;
    }

    /** How reading on fails. */
    private static function failureOf(ExchangeInterface $exchange, ?TransportInterface $transport = null): ?string
    {
        $failure = self::thrownBy($exchange, $transport);
        return $failure === null ? null : $failure->errorCode() . ' ' . $failure->sent();
    }

    private static function thrownBy(ExchangeInterface $exchange, ?TransportInterface $transport = null): ?OutboundException
    {
        try {
            while (self::next($exchange, $transport) !== '') {
            }
            return null;
        } catch (OutboundException $failure) {
            self::assertShowsNoSecret($failure);
            self::assertSame($failure->auditRecord(), self::record($exchange));
            self::assertSame($failure->sent(), self::record($exchange)['sent']);
            return $failure;
        }
    }

    /**
     * @return array<string, mixed>
     */
    private static function record(ExchangeInterface $exchange): array
    {
        return AuditText::read($exchange->end());
    }

    /**
     * @param array<string, mixed> $record
     * @return list<mixed>
     */
    private static function values(array $record, string ...$keys): array
    {
        return array_map(static fn (string $key): mixed => $record[$key], array_values($keys));
    }

    private static function chunk(string $bytes): string
    {
        return dechex(strlen($bytes)) . "\r\n$bytes\r\n";
    }
}
