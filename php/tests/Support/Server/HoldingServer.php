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
    public function __construct(string $http)
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
     * @return list<array<mixed>>
     */
    private static function large(int $mebibytes): array
    {
        $head = "HTTP/1.1 200 OK\r\ncontent-length: " . ($mebibytes << 20) . "\r\n\r\n";
        return [FaultServer::write($head), ['repeat', base64_encode(str_repeat('x', 1 << 16)), $mebibytes << 4]];
    }

    /** Waits until a response is held back. */
    public function waitUntilHeld(): void
    {
        $this->server->wait(self::NAME, 'holding');
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
