<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Client;
use GuzzleHttp\Exception\RequestException;
use GuzzleHttp\HandlerStack;
use GuzzleHttp\Promise\Utils as Promises;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use PHPUnit\Framework\TestCase;
use Psr\Http\Message\ResponseInterface;

/**
 * Responses of Guzzle that are read while they arrive, and promises that run at the same time.
 */
abstract class GuzzleStreamTestCase extends TestCase
{
    private const HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nx-a: 1\r\n\r\n";

    protected static FaultServer $server;
    protected MemoryAuditSink $audit;
    private static TempDir $directory;
    private static Certificates $tls;

    abstract protected function transport(): string;

    public static function setUpBeforeClass(): void
    {
        self::$directory = new TempDir('guzzle');
        self::$server = new FaultServer(self::$directory);
        self::$server->listen('plain');
        self::$tls = new Certificates(self::$directory);
        self::$server->listen('h2', ['certificate' => self::$tls->certificate, 'key' => self::$tls->key, 'alpn' => ['h2']]);
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
        self::$directory->remove();
    }

    public function testAStreamIsThereBeforeItsEnd(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write(self::HEAD . 'abc'), ['hold'], FaultServer::write('def')]);
        $headers = null;
        $response = $this->client()->get('x', ['stream' => true, 'on_headers' => static function (ResponseInterface $of) use (&$headers): void {
            $headers = $of->getHeaderLine('X-A');
        }]);
        $body = $response->getBody();

        self::assertSame('1', $headers);
        self::assertSame('abc', $body->read(10));
        self::assertSame([], $this->audit->entries());
        self::$server->release('plain');
        self::assertSame('def', $body->getContents());
        self::assertTrue($body->eof());
        self::assertCount(1, $this->audit->entries());
    }

    public function testABrokenStreamNeverLooksShort(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write(self::HEAD . 'abc'), ['cut']]);
        $body = $this->client()->get('x', ['stream' => true])->getBody();

        $this->expectException(OutboundException::class);
        $body->getContents();
    }

    public function testASinkGetsTheBodyWhileItArrives(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write(self::HEAD . 'abc'), ['hold'], FaultServer::write('def')]);
        $file = self::$directory->path . '/sink';
        $promise = $this->client()->getAsync('x', [
            'sink' => $file,
            'on_headers' => static fn () => self::$server->release('plain'),
        ]);

        self::assertSame('abcdef', (string) $promise->wait()->getBody());
        self::assertStringEqualsFile($file, 'abcdef');
    }

    public function testAnIdleServerEndsTheCall(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write(self::HEAD . 'abc'), ['silence']]);
        try {
            $this->client()->get('x', ['read_timeout' => 0.1]);
            self::fail('The call was answered.');
        } catch (\RuntimeException $thrown) {
            self::assertSame('timeout.idle', $thrown->getPrevious()?->errorCode());
        }
    }

    public function testPromisesRunAtTheSameTime(): void
    {
        // Three responses begin only after the fourth has come, and the fourth connection may be that of any request.
        $held = [['read'], ['hold'], FaultServer::answer(body: 'done')];
        self::$server->script('plain', $held, $held, $held, [['read'], FaultServer::answer(body: 'done')]);
        $client = $this->client();
        $release = static function (ResponseInterface $response): string {
            Poll::until(static fn (): bool => count(self::$server->seen('plain')) === 4, 'all connections');
            self::$server->release('plain');
            return (string) $response->getBody();
        };
        $bodies = Promises::unwrap(array_map(
            static fn (int $number) => $client->getAsync((string) $number)->then($release),
            [1, 2, 3, 4],
        ));

        self::assertSame(['done', 'done', 'done', 'done'], $bodies);
    }

    /** A stream has more time once its first byte is there. */
    public function testAPromiseOfAWholeResponseHasTheTimeOfACall(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write(self::HEAD . 'abc'), ['silence']]);
        try {
            $this->client(more: ['defaults' => ['timeout_ms' => 500]])->getAsync('x')->wait();
            self::fail('The call was answered.');
        } catch (\RuntimeException $thrown) {
            self::assertSame('timeout.total', $thrown->getPrevious()?->errorCode());
        }
    }

    public function testACancelledPromiseEndsItsCall(): void
    {
        self::$server->script('plain', [['read'], FaultServer::write(self::HEAD . 'abc'), ['silence']]);
        $promise = $this->client()->getAsync('x');
        $promise->cancel();

        self::assertSame('rejected', $promise->getState());
        self::assertSame(['cancelled.requested'], array_map(
            static fn ($entry): mixed => $entry->record['error_code'] ?? null,
            $this->audit->entries(),
        ));
    }

    public function testARedirectOutOfTheServiceEndsAStream(): void
    {
        self::$server->script('plain', [['read'], FaultServer::answer(302, [['location', 'https://evil.example.com']], 'gone')]);
        try {
            $this->client()->get('x', ['stream' => true]);
            self::fail('The redirect was followed.');
        } catch (RequestException $thrown) {
            self::assertSame('policy.redirect_not_allowed', $thrown->getPrevious()?->errorCode());
        }
    }

    /**
     * @param array<string, mixed> $more of the configuration
     */
    protected function client(string $listener = 'plain', array $more = []): Client
    {
        $url = ($listener === 'plain' ? 'http' : 'https') . '://localhost:' . self::$server->port($listener) . '/';
        $registry = new ArrayServiceRegistry(['api' => [
            'base_url' => $url,
            'policy' => ['allowed_methods' => ['GET'], 'allow_http' => true],
            'transport' => $this->transport(),
        ]]);
        $transports = new TransportFactory($more + [
            'version' => 1,
            'tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority],
            'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => self::$server->ports()]],
        ], Build::library());
        $this->audit = new MemoryAuditSink();
        $calls = new ServiceCalls($registry, new ArrayCredentialProvider([]), $transports, $this->audit);
        return new Client(['handler' => HandlerStack::create(new SecureHandler($calls, ['api'])), 'base_uri' => $url]);
    }
}
