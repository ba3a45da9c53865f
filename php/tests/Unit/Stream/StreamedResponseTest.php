<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Stream;

use GuzzleHttp\Psr7\Utils;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\ServiceApi;
use Netresearch\NrVault\Outbound\Stream\StreamedBody;
use Netresearch\NrVault\Outbound\Testing\FakeClient;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use PHPUnit\Framework\TestCase;

/**
 * Streamed responses of a client whose transport has the whole body at once.
 */
final class StreamedResponseTest extends TestCase
{
    public function testTheBodyIsReadToItsEnd(): void
    {
        $client = self::client('some bytes');
        $response = $client->stream('api', 'GET', '/x');
        $body = $response->body();

        self::assertSame([200, true, 'text/x', null], [
            $response->statusCode(), $response->isOk(), $response->header('Content-Type'), $response->audit(),
        ]);
        self::assertSame(['content-type' => ['text/x']], $response->headers());
        self::assertSame([], $client->records());
        self::assertSame(['s', 'ome', 4, false], [$body->read(1), $body->read(3), $body->tell(), $body->eof()]);
        self::assertSame([' bytes', 10], [$body->getContents(), $body->tell()]);
        self::assertSame(['', true, ''], [$body->read(5), $body->eof(), (string) $body]);
        self::assertCount(1, $client->records());
        self::assertSame($response->audit(), $client->records()[0]);
        self::assertSame(AuditEntry::RESPONSE, $response->audit()?->outcome);
        unset($response, $body);
        self::assertCount(1, $client->records());
    }

    /** 64 KiB are asked for at once. */
    public function testReadingByteByByteAsksTheTransportForNoByteMore(): void
    {
        $of = self::client('x')->stream('api', 'GET', '/x');
        $of->body()->getContents();
        $pieces = [str_repeat('a', 1 << 16), str_repeat('b', 1 << 16), 'c', ''];
        $exchange = $this->createMock(ExchangeInterface::class);
        $exchange->expects(self::exactly(4))->method('read')->with(1 << 16)->willReturnOnConsecutiveCalls(...$pieces);
        $exchange->method('end')->willReturn([]);
        $body = new StreamedBody(new StreamedCall(
            $this->createStub(ExchangesInterface::class),
            $exchange,
            null,
            static fn (): ?AuditEntry => $of->audit(),
            static fn (): array => [],
            static fn (): bool => true,
        ));
        for ($read = ''; ($byte = $body->read(1)) !== '';) {
            $read .= $byte;
        }
        self::assertSame(implode('', $pieces), $read);
    }

    public function testAHostWithoutPsr7IsToldBeforeAnythingIsSent(): void
    {
        foreach (['stream("api", "GET", "/x")', 'get("api", "/x", ["sink" => "/dev/null"])'] as $call) {
            $result = Process::run([PHP_BINARY, '-r', 'require "' . Build::php() . '/autoload.php";
                try {
                    (new Netresearch\NrVault\Outbound\Testing\FakeClient(
                        ["api" => ["base_url" => "https://api.example.com", "policy" => ["allowed_methods" => ["GET"]]]],
                    ))->otherwise(
                        static fn () => Netresearch\NrVault\Service\SecureHttpResponse::create(200),
                    )->' . $call . ';
                } catch (Netresearch\NrVault\Outbound\Exception\OutboundException $refusal) {
                    echo $refusal->errorCode();
                }']);
            self::assertSame('configuration.transport_unavailable', $result['output'], $call);
        }
    }

    public function testAnEmptyBodyEndsTheCallAtOnce(): void
    {
        $response = self::client('')->stream('api', 'GET', '/x');
        self::assertNotNull($response->audit());
        self::assertTrue($response->body()->eof());
    }

    public function testWhatTheBodyCannot(): void
    {
        $body = self::client('x')->stream('api', 'GET', '/x')->body();
        self::assertSame(
            [false, false, true, null, [], null],
            [$body->isSeekable(), $body->isWritable(), $body->isReadable(), $body->getSize(), $body->getMetadata(), $body->getMetadata('uri')],
        );
        foreach ([static fn () => $body->rewind(), static fn () => $body->write('x'), static fn () => $body->read(0)] as $call) {
            $refusal = null;
            try {
                $call();
            } catch (\RuntimeException | \InvalidArgumentException $refusal) {
            }
            self::assertNotNull($refusal);
        }
        self::assertNull($body->detach());
        self::assertFalse($body->isReadable());
        $this->expectExceptionMessage('closed');
        $body->read(1);
    }

    public function testOneThatIsDroppedOrClosedIsAbandoned(): void
    {
        $client = self::client(str_repeat('x', 1 << 17));
        $client->stream('api', 'GET', '/x');
        $response = $client->stream('api', 'GET', '/x');
        $response->body()->close();

        self::assertSame(['cancelled.abandoned', 'cancelled.abandoned'], self::codes($client));
        self::assertSame('cancelled.abandoned', $response->audit()?->record['error_code']);
    }

    public function testOneThatIsCancelled(): void
    {
        $client = self::client(str_repeat('x', 1 << 17));
        $response = $client->stream('api', 'GET', '/x');
        $response->cancel();
        $response->cancel();
        self::assertSame(['cancelled.requested'], self::codes($client));
        self::assertSame(1 << 16, strlen($response->body()->read(1 << 20)));
        $this->expectExceptionMessage('[cancelled.requested]');
        $response->body()->read(1);
    }

    public function testASignalIsAskedWhileTheCallWaits(): void
    {
        $signal = new class () {
            public bool $is = false;

            public function isCancelled(): bool
            {
                return $this->is;
            }
        };
        $client = self::client('x');
        self::assertSame('x', $client->get('api', '/x', ['cancel' => $signal])->body());
        self::assertSame('x', $client->get('api', '/x', ['cancel' => static fn (): bool => false])->body());
        $this->expectExceptionMessage('the option cancel is no closure and no object with a method isCancelled()');
        $client->get('api', '/x', ['cancel' => true]);
    }

    public function testLines(): void
    {
        $text = "one\r\ntwo\n\n" . str_repeat('x', 70_000) . "\nlast";
        $lines = self::client($text)->stream('api', 'GET', '/x')->lines();
        self::assertSame(['one', 'two', '', str_repeat('x', 70_000), 'last'], iterator_to_array($lines, false));
        self::assertSame(['one'], iterator_to_array(self::client("one\n")->stream('api', 'GET', '/x')->lines(), false));
    }

    public function testALineAndAnEventHaveALimit(): void
    {
        $client = self::client('data: ' . str_repeat('x', 99) . "\n\n" . str_repeat('y', 1 << 17));
        $events = $client->stream('api', 'GET', '/x');
        self::assertSame('response.event_too_large', self::codeOf(static fn () => iterator_to_array($events->events(100))));
        self::assertSame('response.event_too_large', self::codeOf(static fn () => $events->body()->read(1 << 17)));
        $lines = $client->stream('api', 'GET', '/x');
        self::assertSame('response.too_large', self::codeOf(static fn () => iterator_to_array($lines->lines(100))));
        self::assertSame(['response.event_too_large', 'response.too_large'], self::codes($client));
    }

    public function testEvents(): void
    {
        $events = self::client("id: 7\nevent: a\ndata: 1\n\ndata: 2\n\ndata: cut off")->stream('api', 'GET', '/x')->events();
        $seen = [];
        foreach ($events as $event) {
            $seen[] = [$event->type, $event->data, $event->id];
        }
        self::assertSame([['a', '1', '7'], ['message', '2', '7']], $seen);
    }

    public function testAServiceApiStreamsOnAClientThatCan(): void
    {
        $response = (new ServiceApi(self::client('x'), 'api'))->stream('GET', '/x');
        self::assertSame('x', (string) $response->body());
        $other = new class () implements SecureHttpClientInterface {
            public function request(string $serviceId, string $method, string $path, array $options = []): SecureHttpResponse
            {
                return SecureHttpResponse::create();
            }
        };
        $this->expectException(\LogicException::class);
        (new ServiceApi($other, 'api'))->stream('GET', '/x');
    }

    public function testTheFakeMakesSeveralCalls(): void
    {
        $calls = ['a' => ['api', 'GET', '/x'], 'b' => ['api', 'PUT', '/x']];
        $ends = iterator_to_array(self::client('x')->requestAll($calls));
        self::assertSame(['b', 'a'], array_keys($ends));
        self::assertInstanceOf(SecureHttpResponse::class, $ends['a']);
        self::assertInstanceOf(OutboundException::class, $ends['b']);
    }

    public function testASinkGetsTheBody(): void
    {
        $client = self::client($body = str_repeat('a line', 50_000));
        $file = (string) tempnam(sys_get_temp_dir(), 'sink');
        $memory = fopen('php://memory', 'w+');
        $stream = Utils::streamFor('');
        foreach ([$file, $memory, $stream] as $sink) {
            $response = $client->get('api', '/x', ['sink' => $sink]);
            self::assertSame([200, '', 'text/x'], [$response->statusCode(), $response->body(), $response->header('content-type')]);
            self::assertSame(AuditEntry::RESPONSE, $response->audit()->outcome);
        }
        rewind($memory);
        self::assertSame([$body, $body, $body], [file_get_contents($file), stream_get_contents($memory), (string) $stream]);
        unlink($file);
        self::assertSame($body, $client->get('api', '/x', ['sink' => null])->body());
    }

    public function testASinkThatTakesNothing(): void
    {
        $client = self::client(str_repeat('x', 1 << 17));
        foreach (['/nowhere/at-all', fopen(__FILE__, 'r'), 'php://memory', '', 7] as $sink) {
            $code = self::codeOf(static fn () => $client->get('api', '/x', ['sink' => $sink]));
            self::assertSame('invalid_request.malformed', $code);
        }
        self::assertSame(['invalid_request.malformed', 'invalid_request.malformed'], self::codes($client), 'those that were sent');
        self::assertStringContainsString('request() of SecureHttpClient', (string) self::messageOf(
            static fn () => $client->stream('api', 'GET', '/x', ['sink' => '/x']),
        ));
    }

    public function testABodyOfAFileOrAStream(): void
    {
        $client = self::client('x');
        $stream = fopen('php://memory', 'w+');
        fwrite($stream, 'not this, but this');
        fseek($stream, strlen('not this, '));
        $client->post('api', '/x', ['body' => $stream]);
        $client->post('api', '/x', ['body' => new \SplFileInfo(__FILE__)]);
        $response = SecureHttpResponse::create(body: str_repeat('z', 70_000));
        $source = self::client(str_repeat('z', 70_000))->stream('api', 'GET', '/x')->body();
        $client->post('api', '/x', ['body' => $source]);

        $bodies = array_map(static fn ($request): string => $request->body, $client->requests());
        self::assertSame(['but this', file_get_contents(__FILE__), $response->body()], $bodies);
        $this->expectExceptionMessage('cannot be opened');
        $client->post('api', '/x', ['body' => new \SplFileInfo('/nowhere/at-all')]);
    }

    private static function client(string $body): FakeClient
    {
        $client = new FakeClient(['api' => [
            'base_url' => 'https://api.example.com/v1',
            'policy' => ['allowed_methods' => ['GET', 'POST']],
        ]]);
        return $client->otherwise(static fn (): SecureHttpResponse
            => SecureHttpResponse::create(200, ['content-type' => 'text/x'], $body));
    }

    /**
     * @return list<string|null>
     */
    private static function codes(FakeClient $client): array
    {
        return array_map(
            static fn (AuditEntry $entry): ?string => $entry->record['error_code'],
            $client->records(),
        );
    }

    private static function messageOf(\Closure $call): ?string
    {
        try {
            $call();
            return null;
        } catch (OutboundException $failure) {
            return $failure->getMessage();
        }
    }

    private static function codeOf(\Closure $call): ?string
    {
        try {
            $call();
            return null;
        } catch (OutboundException $failure) {
            return $failure->errorCode();
        }
    }
}
