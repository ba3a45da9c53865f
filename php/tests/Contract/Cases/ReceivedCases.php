<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * The bytes that the server received, and the parts of its response that reached the caller.
 */
trait ReceivedCases
{
    /** Field lines that every request of exchange() has, in order. */
    private static array $ownLines = [
        'x-b: 1', 'x-b: 2', "x-a: caf\xE9", 'accept: application/json', 'x-empty: ',
        'authorization: Bearer tok-' . self::CANARY, 'idempotency-key: order-17', 'user-agent: secure-outbound/VERSION',
    ];

    public function testARequestOverHttp11(): void
    {
        $received = $this->exchange('tls');
        $port = self::$server->port('tls');

        self::assertSame('localhost:' . $port, $received->authority);
        $lines = self::deviates('header-form')
            ? ['Host: localhost:' . $port, ...self::$ownLines, 'accept-encoding: gzip', 'Content-Length: 50007']
            : [...self::$ownLines, 'accept-encoding: gzip, br, zstd', 'host: localhost:' . $port, 'content-length: 50007'];
        if (self::deviates('header-form')) {
            $lines = str_replace('x-empty: ', 'x-empty:', $lines);
        }
        $version = (string) substr(strstr((string) $received->value('user-agent'), '/'), 1);
        $line = 'POST /v1/Kunden/%C3%BC%20b?q=%C3%A4%26&expand%5B%5D=a%20b HTTP/1.1';
        $head = implode("\r\n", [$line, ...$lines]) . "\r\n\r\n";
        self::assertSame(str_replace('VERSION', $version, $head), $received->head);
    }

    public function testARequestOverHttp2(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $received = $this->exchange('h2');

        self::assertSame('localhost:' . self::$server->port('h2'), $received->authority);
        self::assertSame('/v1/Kunden/%C3%BC%20b?q=%C3%A4%26&expand%5B%5D=a%20b', $received->target);
        foreach ($received->fields as [$name]) {
            self::assertSame(strtolower($name), $name);
        }
    }

    /** Sends a request with a value in every place, and asserts what is the same in both HTTP versions. */
    private function exchange(string $listener): \Netresearch\NrVault\Outbound\Tests\Support\Server\ReceivedRequest
    {
        self::$server->answers($listener, [FaultServer::answer()]);
        $body = "raw\0\xFF\r\n" . str_repeat("\x80", 50_000);
        $outcome = self::call(self::request(
            $listener,
            path: 'Kunden/ü b',
            query: [['q', 'ä&'], ['expand[]', 'a b']],
            headers: [['X-B', '1'], ['x-a', "caf\xE9"], ['x-b', '2'], ['Accept', 'application/json'], ['x-empty', '']],
            body: $body,
            idempotencyKey: 'order-17',
            correlationId: 'c-1',
            credentials: [self::bearer()],
        ));
        self::assertSame('200', $outcome->brief(), $outcome->message());
        self::assertSame(strlen($body), $outcome->audit['bytes_out']);
        self::assertSame(static::httpVersion($listener), $outcome->httpVersion);
        self::assertSame($outcome->httpVersion, $outcome->audit['http_version']);
        self::assertSame(
            ['test', 'c-1', 'POST', 'localhost', self::$server->port($listener), '127.0.0.1', 1],
            [$outcome->audit['service_id'], $outcome->audit['correlation_id'], $outcome->audit['method'],
                $outcome->audit['host'], $outcome->audit['port'], $outcome->audit['remote_address'],
                $outcome->audit['attempts']],
        );
        self::assertNull($outcome->audit['proxy_resolve']);
        if (self::deviates('tls-version')) {
            self::assertNull($outcome->audit['tls_version']);
        } else {
            self::assertSame('1.3', $outcome->audit['tls_version']);
        }
        $received = self::received($listener);
        self::assertSame('POST', $received->method);
        self::assertSame($body, $received->body);
        self::assertSame([
            ['accept', 'application/json'],
            ['accept-encoding', self::deviates('codings') ? 'gzip' : 'gzip, br, zstd'],
            ['authorization', 'Bearer tok-' . self::CANARY],
            ['content-length', (string) strlen($body)],
            ['idempotency-key', 'order-17'],
            ['user-agent', self::agent($outcome)],
            ['x-a', "caf\xE9"],
            ['x-b', '1'],
            ['x-b', '2'],
            ['x-empty', ''],
        ], $received->sorted());
        return $received;
    }

    public function testWhatIsSentBesideTheCallersFields(): void
    {
        $plain = ['accept-encoding', 'user-agent'];
        foreach (
            [
                ['POST', '', [...$plain, 'content-length']],
                ['PUT', 'x', [...$plain, 'content-length']],
                ['PATCH', '', [...$plain, 'content-length']],
                ['GET', '', $plain],
                ['HEAD', '', $plain],
                ['DELETE', '', $plain],
            ] as [$method, $body, $names]
        ) {
            foreach (['plain', 'h2'] as $listener) {
                self::$server->answers($listener, [FaultServer::answer()]);
                $outcome = self::call(self::request($listener, method: $method, body: $body));
                self::assertSame('200', $outcome->brief(), $method . $outcome->message());
                $received = self::received($listener);
                self::assertSame($method, $received->method);
                sort($names);
                self::assertSame($names, array_column($received->sorted(), 0), $method . ' ' . $listener);
                self::assertSame($body, $received->body);
            }
        }
    }

    public function testTheUserAgentIsTheCallersOrThatOfTheConfiguration(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $theirs = self::make(['user_agent' => 'theirs/1']);
        self::call(self::request(), $theirs);
        self::call(self::request(headers: [['User-Agent', 'mine']]), $theirs);
        self::$server->wait('plain', 'request');
        $agents = array_map(static fn ($request): array => $request->values('user-agent'), self::$server->requests('plain'));

        self::assertSame([['theirs/1'], ['mine']], $agents);
    }

    public function testTheHeaderOfTheIdempotencyKeyHasTheServicesName(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        self::call(self::request(idempotencyKey: 'order 17', idempotencyHeader: 'X-Request-Id'));

        self::assertSame(['order 17'], self::received()->values('x-request-id'));
        self::assertSame([], self::received()->values('idempotency-key'));
    }

    /**
     * @dataProvider versions
     */
    public function testWhatReachesTheCaller(string $listener): void
    {
        self::$server->answers($listener, [FaultServer::answer(201, [
            ['X-B', '1'], ['x-a', "\xE4\xFF"], ['x-b', '2'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-c', ''],
        ], "raw\0\xFF")]);
        $outcome = self::call(self::request($listener));

        self::assertSame([201, "raw\0\xFF"], [$outcome->status, $outcome->body]);
        foreach (['x-b' => ['1', '2'], 'x-a' => ["\xE4\xFF"], 'set-cookie' => ['a=1', 'b=2'], 'x-c' => ['']] as $name => $values) {
            self::assertSame($values, $outcome->values($name), $name);
        }
        foreach ($outcome->headers as [$name]) {
            self::assertSame(strtolower($name), $name);
        }
        self::assertSame([5, 201], [$outcome->audit['bytes_in'], $outcome->audit['status']]);
    }

    /**
     * @dataProvider versions
     */
    public function testEveryStatusIsAResponse(string $listener): void
    {
        foreach ([200, 202, 206, 300, 304, 400, 401, 404, 407, 418, 429, 500, 503, 599, 600, 777, 999] as $status) {
            self::$server->answers($listener, [FaultServer::answer($status, [['x-a', 'b']], $status === 304 ? '' : 'body')]);
            $outcome = self::call(self::request($listener));
            self::assertSame((string) $status, $outcome->brief());
            self::assertSame($status === 304 ? '' : 'body', $outcome->body);
            self::assertSame(['b'], $outcome->values('x-a'));
            self::assertSame(1, self::requests($listener), (string) $status);
        }
    }

    public function testAnswersWithoutABody(): void
    {
        foreach (
            [
                ['HEAD', "200 OK\r\ncontent-length: 99\r\ncontent-encoding: gzip"],
                ['GET', '204 No Content'],
                ['GET', "304 Not Modified\r\ncontent-length: 10\r\ncontent-encoding: unknown"],
            ] as [$method, $head]
        ) {
            self::$server->answers('plain', [FaultServer::write('HTTP/1.1 ' . $head . "\r\n\r\n")]);
            $outcome = self::call(self::request(method: $method));
            self::assertSame([substr($head, 0, 3), ''], [$outcome->brief(), $outcome->body], $outcome->message());
            self::assertSame(str_contains($head, 'encoding'), $outcome->values('content-encoding') !== []);
            self::assertSame(0, $outcome->audit['bytes_in']);
        }
    }

    public function testConnectionsAreReusedOrNot(): void
    {
        self::$server->answers('tls', [FaultServer::answer()]);
        $first = self::call(self::request('tls', method: 'GET'));
        $second = self::call(self::request('tls', method: 'GET'));

        self::assertFalse($first->audit['connection_reused']);
        self::assertSame(!self::deviates('connection-reuse'), $second->audit['connection_reused']);
        self::assertSame(self::deviates('connection-reuse') ? 2 : 1, self::connections('tls'));
    }

    public function testTheRecordSaysWhoOpenedTheCredential(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        $outcome = self::call(self::request(credentials: [self::bearer()]));

        self::assertSame(self::deviates('memory') ? 'php' : static::transportName(), $outcome->audit['transport']);
        self::assertMatchesRegularExpression('/^\d+\.\d+\.\d+/', $outcome->audit['library_version']);
    }

    public function testCookiesAreNotKept(): void
    {
        self::$server->answers('plain', [FaultServer::answer(200, [['set-cookie', 'a=b; path=/']])]);
        self::call(self::request());
        self::call(self::request());

        foreach (self::$server->requests('plain') as $request) {
            self::assertSame([], $request->values('cookie'));
        }
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function versions(): iterable
    {
        yield 'HTTP/1.1' => ['plain'];
        yield 'HTTP/1.1 over TLS' => ['tls'];
        yield 'HTTP/2' => ['h2'];
    }

    private static function agent(Outcome $outcome): string
    {
        return 'secure-outbound/' . $outcome->audit['library_version'];
    }
}
