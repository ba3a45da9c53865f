<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\FaultServer;

/**
 * Deadlines. The server does nothing until the client ends, so that only the deadline can have ended the call.
 */
trait DeadlineCases
{
    public function testADeadlineBeforeTheConnectionIsThere(): void
    {
        $baseUrl = 'https://localhost:' . self::$server->port('plain');
        self::$server->script('plain', [['silence']]);
        $outcome = self::call(
            self::request(baseUrl: $baseUrl, body: 'x'),
            self::make(['defaults' => ['connect_timeout_ms' => 100]]),
        );
        self::assertFailed('timeout.connect', 'no', $outcome);
        self::assertTrue($outcome->retryable);
        self::$server->wait('plain', 'closed');

        self::$server->script('plain', [['silence']]);
        $outcome = self::call(self::request(baseUrl: $baseUrl, body: 'x', timeoutMs: 100));
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
        // A listener whose queue is full answers no SYN.
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
     * @dataProvider versions
     */
    public function testADeadlineAfterTheRequest(string $listener): void
    {
        foreach (['POST', 'GET'] as $method) {
            self::$server->script($listener, [['read'], ['silence']]);
            $outcome = self::call(self::request(
                $listener,
                method: $method,
                body: $method === 'POST' ? 'x' : '',
                timeoutMs: 150,
            ));
            self::assertFailed('timeout.total', 'maybe', $outcome);
            self::assertSame($method === 'GET', $outcome->retryable);
            self::assertSame($method === 'POST' ? 1 : 0, $outcome->audit['bytes_out']);
            self::assertSame(1, self::requests($listener));
        }
    }

    public function testADeadlineInAHead(): void
    {
        self::$server->script('tls', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-le"), ['silence']]);
        $outcome = self::call(self::request('tls', method: 'GET', timeoutMs: 150));

        self::assertSame('timeout.total', $outcome->code);
        self::assertContains($outcome->sent, ['maybe', 'yes']);
        self::assertSame(1, self::requests('tls'));
        self::$server->wait('tls', 'closed');
    }

    /**
     * @dataProvider versions
     */
    public function testADeadlineInABody(string $listener): void
    {
        $steps = $listener === 'h2'
            ? [['h2-head', [[':status', '201']], false], ['h2-data', base64_encode('part'), false]]
            : [FaultServer::write("HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\npart")];
        self::$server->script($listener, [['read'], ...$steps, ['silence']]);
        $outcome = self::call(self::request($listener, timeoutMs: 250));

        self::assertFailed('timeout.total', 'yes', $outcome, 201);
        self::assertSame([4, ''], [$outcome->audit['bytes_in'], $outcome->body]);
    }

    public function testABodyThatNeverEndsIsEndedByTheDeadline(): void
    {
        $byte = base64_encode("1\r\na\r\n");
        $head = FaultServer::write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        self::$server->script('plain', [['read'], $head, ['pace', $byte]]);
        $outcome = self::call(self::request(timeoutMs: 250));

        self::assertFailed('timeout.total', 'yes', $outcome, 200);
        self::$server->wait('plain', 'closed');
    }

    public function testTheLeastOfLimitPolicyRequestAndDefaultHolds(): void
    {
        $long = 60_000;
        $cases = [
            [['limits' => ['timeout_ms' => 150]], $long, $long],
            [['defaults' => ['timeout_ms' => 150]], null, null],
            [[], 150, $long],
            [[], $long, 150],
            [[], null, 150],
            [[], 150, null],
        ];
        foreach ($cases as $number => [$config, $policy, $request]) {
            self::$server->script('plain', [['read'], ['silence']]);
            $outcome = self::call(
                self::request(policy: self::policy(timeoutMs: $policy), timeoutMs: $request),
                self::make($config),
            );
            self::assertFailed('timeout.total', 'maybe', $outcome, why: (string) $number);
        }
    }

    public function testOneDeadlineHoldsOverAllRedirects(): void
    {
        // A transport that opens a connection for the hop meets the second script.
        $first = [['read'], FaultServer::answer(307, [['location', '/v1/to']]), ['read'], ['silence']];
        self::$server->script('tls', $first, [['read'], ['silence']]);
        $policy = self::policy(maxRedirects: 3);
        $outcome = self::call(self::request('tls', policy: $policy, timeoutMs: 300));

        self::assertSame('timeout.total yes', $outcome->brief());
        self::assertSame(2, self::requests('tls'));
    }
}
