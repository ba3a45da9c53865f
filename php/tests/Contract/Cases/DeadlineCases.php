<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Contract\OwnNetwork;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * Deadlines. The server does nothing until the client closes the connection, so only the deadline can have ended the call.
 */
trait DeadlineCases
{
    public function testADeadlineBeforeTheConnectionIsThere(): void
    {
        $baseUrl = 'https://localhost:' . self::$server->port('plain');
        // One second is enough for the TCP connection on a busy machine, so it is the TLS handshake that takes too long.
        self::$server->script('plain', [['silence']]);
        $outcome = self::call(
            self::request(baseUrl: $baseUrl, body: 'x'),
            self::make(['defaults' => ['connect_timeout_ms' => 1000]]),
        );
        self::assertFailed('timeout.connect', 'no', $outcome);
        self::assertTrue($outcome->retryable);
        self::$server->wait('plain', 'closed');

        $patient = self::make(['defaults' => ['connect_timeout_ms' => 60_000]]);
        $impatient = self::request(baseUrl: $baseUrl, body: 'x', connectTimeoutMs: 500);
        self::$server->script('plain', [['silence']]);
        self::assertFailed('timeout.connect', 'no', self::call($impatient, $patient));
        self::$server->wait('plain', 'closed');
        self::assertFailed('timeout.connect', 'no', self::call(
            self::request(baseUrl: $baseUrl, body: 'x', connectTimeoutMs: 60_000),
            self::make(['defaults' => ['connect_timeout_ms' => 500]]),
        ));

        self::$server->script('plain', [['silence']]);
        $outcome = self::call(self::request(baseUrl: $baseUrl, body: 'x', timeoutMs: 1000));
        self::assertFailed('timeout.total', 'no', $outcome);
        self::$server->wait('plain', 'closed');
        self::assertSame(1, self::connections());
    }

    public function testADeadlineWhileNobodyAccepts(): void
    {
        $listener = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
        socket_bind($listener, '127.0.0.1', 0);
        socket_listen($listener, 0);
        socket_getsockname($listener, $address, $port);
        // The kernel does not answer a SYN for a listener whose queue is full.
        $waiting = [];
        while (($client = @stream_socket_client('tcp://127.0.0.1:' . $port, timeout: 0.3)) !== false) {
            $waiting[] = $client;
        }
        $transport = self::make(['internal_hosts' => self::internal([$port])]);
        $baseUrl = 'http://localhost:' . $port;

        $outcome = self::call(self::request(baseUrl: $baseUrl, timeoutMs: 100), $transport);
        self::assertFailed('timeout.total', 'no', $outcome);
        self::assertTrue($outcome->retryable);
        $transport = self::make([
            'internal_hosts' => self::internal([$port]),
            'defaults' => ['connect_timeout_ms' => 100],
        ]);
        self::assertFailed('timeout.connect', 'no', self::call(self::request(baseUrl: $baseUrl), $transport));
        array_map(fclose(...), $waiting);
        socket_close($listener);
    }

    /**
     * @group own-network
     */
    public function testADeadlineWhileTheResolverWaits(): void
    {
        // The name server never answers; the system's resolver gives up after this many seconds.
        $seconds = self::deviates('resolver-timeout') ? 1 : 30;
        $outcome = OwnNetwork::run(
            self::$directory,
            [
                'resolver' => 'options timeout:' . $seconds . ' attempts:1',
                'silent_dns' => true,
                'transport' => static::transportName(),
                'config' => ['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]],
            ],
            [self::request(baseUrl: 'https://slow.example/v1', timeoutMs: 100)],
        )['outcomes'][0];

        if (self::deviates('resolver-timeout')) {
            self::assertSame('dns.failed no', $outcome['brief'], $outcome['message']);
            self::assertGreaterThan(900_000, $outcome['audit']['duration_us'], 'the resolver was waited for');
        } else {
            self::assertSame('timeout.total no', $outcome['brief'], $outcome['message']);
            self::assertLessThan(20_000_000, $outcome['audit']['duration_us'], 'the resolver was left alone');
        }
    }

    /**
     * @dataProvider versions
     */
    public function testADeadlineAfterTheRequest(string $listener): void
    {
        foreach (['POST', 'GET'] as $method) {
            $body = $method === 'POST' ? 'x' : '';
            $outcome = self::patiently('timeout.total maybe', static function (int $deadline) use ($listener, $method, $body) {
                self::$server->script($listener, [['read'], ['silence']]);
                return self::call(self::request($listener, method: $method, body: $body, timeoutMs: $deadline));
            });
            self::assertFailed('timeout.total', 'maybe', $outcome);
            self::assertSame($method === 'GET', $outcome->retryable);
            self::assertSame($method === 'POST' ? 1 : 0, $outcome->audit['bytes_out']);
            self::assertSame(1, self::requests($listener));
        }
    }

    public function testADeadlineInAHead(): void
    {
        $brief = self::deviates('status-line') ? 'timeout.total yes' : 'timeout.total maybe';
        $outcome = self::patiently($brief, static function (int $deadline): Outcome {
            self::$server->script('tls', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-le"), ['silence']]);
            return self::call(self::request('tls', method: 'GET', timeoutMs: $deadline));
        });
        self::assertSame($brief, $outcome->brief());
        self::assertSame(1, self::requests('tls'));
        self::$server->wait('tls', 'closed');
    }

    /**
     * @dataProvider versions
     */
    public function testADeadlineInABody(string $listener): void
    {
        $steps = static::httpVersion($listener) === '2'
            ? [['h2-head', [[':status', '201']], false], ['h2-data', base64_encode('part'), false]]
            : [FaultServer::write("HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\npart")];
        $outcome = self::patiently('timeout.total yes', static function (int $deadline) use ($listener, $steps): Outcome {
            self::$server->script($listener, [['read'], ...$steps, ['silence']]);
            return self::call(self::request($listener, timeoutMs: $deadline));
        });

        self::assertFailed('timeout.total', 'yes', $outcome, 201);
        self::assertSame([4, ''], [$outcome->audit['bytes_in'], $outcome->body]);
    }

    public function testABodyThatNeverEndsIsEndedByTheDeadline(): void
    {
        $byte = base64_encode("1\r\na\r\n");
        $head = FaultServer::write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        $outcome = self::patiently('timeout.total yes', static function (int $deadline) use ($head, $byte): Outcome {
            self::$server->script('plain', [['read'], $head, ['pace', $byte]]);
            return self::call(self::request(timeoutMs: $deadline));
        });

        self::assertFailed('timeout.total', 'yes', $outcome, 200);
        self::$server->wait('plain', 'closed');
    }

    public function testTheTimeOfACallRunsFromItsDecision(): void
    {
        self::$server->script('plain', [['read'], ['silence']]);
        $request = self::request(timeoutMs: 30);
        $decision = self::$transport->decide($request);
        $end = hrtime(true) + 31_000_000;
        Poll::until(static fn (): bool => hrtime(true) > $end, 'the deadline');
        try {
            self::$transport->send($request, $decision);
            self::fail('The call was sent.');
        } catch (OutboundException $failure) {
            self::assertSame(['timeout.total', 'no'], [$failure->errorCode(), $failure->sent()]);
        }
        self::assertSame(0, self::requests());
    }

    public function testTheLeastOfLimitPolicyRequestAndDefaultHolds(): void
    {
        $long = 60_000;
        $cases = [
            static fn (int $least): array => [['limits' => ['timeout_ms' => $least]], $long, $long],
            static fn (int $least): array => [['defaults' => ['timeout_ms' => $least]], null, null],
            static fn (int $least): array => [[], $least, $long],
            static fn (int $least): array => [[], $long, $least],
            static fn (int $least): array => [[], null, $least],
            static fn (int $least): array => [[], $least, null],
        ];
        foreach ($cases as $number => $case) {
            $outcome = self::patiently('timeout.total maybe', static function (int $deadline) use ($case): Outcome {
                [$config, $policy, $request] = $case($deadline);
                self::$server->script('plain', [['read'], ['silence']]);
                $request = self::request(policy: self::policy(timeoutMs: $policy), timeoutMs: $request);
                return self::call($request, self::make($config));
            });
            self::assertFailed('timeout.total', 'maybe', $outcome, why: (string) $number);
        }
    }

    public function testTheLeastIdleTimeOfLimitPolicyAndRequestHolds(): void
    {
        $long = 60_000;
        $cases = [
            static fn (int $least): array => [['limits' => ['idle_timeout_ms' => $least]], null, null],
            static fn (int $least): array => [['limits' => ['idle_timeout_ms' => $least]], $long, $long],
            static fn (int $least): array => [['limits' => ['idle_timeout_ms' => $long]], $least, $long],
            static fn (int $least): array => [[], $long, $least],
            static fn (int $least): array => [[], null, $least],
            static fn (int $least): array => [[], $least, null],
        ];
        foreach ($cases as $number => $case) {
            [$config, $policy, $request] = $case(300);
            $request = self::request(policy: self::policy(maxAttempts: 2, idleTimeoutMs: $policy), idleTimeoutMs: $request);
            self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 103 Early\r\n\r\n"), ['silence']]);
            $outcome = self::call($request, self::make($config));
            self::assertFailed('timeout.idle', 'maybe', $outcome, why: (string) $number);
            self::assertSame(1, $outcome->audit['attempts'] ?? null);
            self::assertGreaterThanOrEqual(300_000, $outcome->audit['duration_us'] ?? null);
        }
    }

    public function testAnIdleTimeHoldsInTheBody(): void
    {
        $part = FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab");
        self::$server->script('plain', [['read'], $part, ['silence']]);
        $outcome = self::call(self::request(idleTimeoutMs: 300));
        self::assertFailed('timeout.idle', 'yes', $outcome, 200);
        self::assertSame(2, $outcome->audit['bytes_in'] ?? null);
    }

    public function testBytesBeginTheIdleTimeAnew(): void
    {
        $body = str_repeat('x', 600);
        $answer = ['drip', base64_encode("HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\n" . $body)];
        self::$server->script('plain', [['read'], $answer]);
        $outcome = self::call(self::request(idleTimeoutMs: 300));
        self::assertSame(['200', $body, 600], [$outcome->brief(), $outcome->body, $outcome->audit['bytes_in'] ?? null]);
        self::assertGreaterThan(300_000, $outcome->audit['duration_us'] ?? null);
    }

    public function testOneDeadlineHoldsOverAllRedirects(): void
    {
        // The second script is for a transport that opens a new connection for the redirect.
        $first = [['read'], FaultServer::answer(307, [['location', '/v1/to']]), ['read'], ['silence']];
        $outcome = self::patiently('timeout.total yes', static function (int $deadline) use ($first): Outcome {
            self::$server->script('tls', $first, [['read'], ['silence']]);
            $outcome = self::call(self::request('tls', policy: self::policy(maxRedirects: 3), timeoutMs: $deadline));
            if (self::requests('tls') < 2) {
                // The deadline passed before the redirect was followed.
                self::$server->script('tls', [['read'], ['cut']]);
                return self::call(self::request('tls'));
            }
            return $outcome;
        });

        self::assertSame('timeout.total yes', $outcome->brief());
        self::assertSame(2, self::requests('tls'));
    }
}
