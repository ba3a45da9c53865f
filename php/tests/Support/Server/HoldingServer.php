<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * An API that can hold a response back until the test releases it: a fault server with TLS, for one HTTP version.
 */
final class HoldingServer implements ApiServer
{
    private const NAME = 'api';

    private readonly TempDir $directory;
    private readonly Certificates $tls;
    private readonly FaultServer $server;
    private readonly int $port;

    /**
     * @param string $http "1.1" or "2"
     */
    public function __construct(public readonly string $http)
    {
        $this->directory = new TempDir('holding');
        $this->tls = new Certificates($this->directory);
        $this->server = new FaultServer($this->directory);
        $this->port = $this->server->listen(self::NAME, [
            'certificate' => $this->tls->certificate,
            'key' => $this->tls->key,
            'alpn' => [$http === '2' ? 'h2' : 'http/1.1'],
        ]);
    }

    public function url(): string
    {
        return 'https://localhost:' . $this->port . '/v1';
    }

    public function config(#[\SensitiveParameter] array $more = []): array
    {
        $host = ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$this->port]];
        return $more + [
            'version' => 1,
            'internal_hosts' => [$host],
            'tls' => ['roots' => 'file', 'ca_file' => $this->tls->authority],
        ];
    }

    /** Forgets all requests, and holds only the response to the second one back, until release(). */
    public function holdTheSecond(): void
    {
        $answer = FaultServer::answer(body: '{}');
        $this->server->answers(self::NAME, [$answer], [['hold'], $answer], [$answer]);
    }

    /** The same, where the second response has this number of MiB; for HTTP/1.1. */
    public function holdTheSecondThatIsLarge(int $mebibytes): void
    {
        $answer = FaultServer::answer(body: '{}');
        $this->server->answers(self::NAME, [$answer], [['hold'], ...self::large($mebibytes)], [$answer]);
    }

    /** Forgets all requests, and responds to each with this number of MiB; for HTTP/1.1. */
    public function answerLargely(int $mebibytes): void
    {
        $this->server->answers(self::NAME, self::large($mebibytes));
    }

    /**
     * Forgets all requests, and responds to each with the first of these pieces of a body, and with one more for each release(). The
     * response ends with the last one, unless it is said to break there, or to have no end.
     *
     * @param list<string> $pieces
     * @param string|null $end "reset" or "silence"
     */
    public function answerInPieces(string $coding, array $pieces, ?string $end = null): void
    {
        $last = array_key_last($pieces);
        $steps = [$this->http === '2'
            ? ['h2-head', [[':status', '200'], ['content-encoding', $coding]], false]
            : FaultServer::write("HTTP/1.1 200 OK\r\ncontent-encoding: $coding\r\ntransfer-encoding: chunked\r\n\r\n")];
        foreach ($pieces as $number => $piece) {
            array_push($steps, ...$number > 0 ? [['hold', $number]] : [], ...$this->piece($piece, $number === $last && $end === null));
        }
        // Where there is no end, what the client sends is read, and can be the reset of a stream. Written nothing once more says that all is written.
        $this->server->answers(self::NAME, [...$steps, ['repeat', '', 1], ...$end === 'reset' ? [['reset']] : []]);
    }

    /**
     * @return list<array<mixed>>
     */
    private function piece(string $bytes, bool $isLast): array
    {
        return $this->http === '2'
            ? [['h2-data', base64_encode($bytes), $isLast]]
            : [FaultServer::write(dechex(strlen($bytes)) . "\r\n$bytes\r\n" . ($isLast ? "0\r\n\r\n" : ''))];
    }

    /**
     * @return list<array<mixed>>
     */
    private static function large(int $mebibytes): array
    {
        $head = "HTTP/1.1 200 OK\r\ncontent-length: " . ($mebibytes << 20) . "\r\n\r\n";
        return [FaultServer::write($head), ['repeat', base64_encode(str_repeat('x', 1 << 16)), $mebibytes << 4]];
    }

    /** Waits until a response is held back, or held back for the nth time. */
    public function waitUntilHeld(int $times = 1): void
    {
        $this->server->wait(self::NAME, $times === 1 ? 'holding' : "holding $times");
    }

    /** Waits until all pieces of a response have been written. */
    public function waitUntilWritten(): void
    {
        $this->server->wait(self::NAME, 'all-written');
    }

    /** Waits until a client has given a response up: has closed its connection, or has reset its stream. */
    public function waitUntilGivenUp(): void
    {
        $this->server->wait(self::NAME, $this->http === '2' ? 'stream-reset' : 'closed');
    }

    /** Waits until clients have closed this number of connections. */
    public function waitUntilClosed(int $connections): void
    {
        $this->server->wait(self::NAME, 'closed', $connections);
    }

    public function release(): void
    {
        $this->server->release(self::NAME);
    }

    /**
     * The number of requests on each connection, in the order of the connections.
     *
     * @return list<int>
     */
    public function requests(): array
    {
        $seen = $this->server->seen(self::NAME);
        return array_map(static fn (array $connection): int => count($connection['requests']), $seen);
    }

    public function stop(): void
    {
        $this->server->stop();
        $this->directory->remove();
    }
}
