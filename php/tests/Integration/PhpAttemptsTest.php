<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Policy;
use Netresearch\NrVault\Outbound\Tests\Support\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\PhpTransport;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use PHPUnit\Framework\TestCase;

/**
 * max_attempts of PhpTransport: what is tried again, and that nothing else is.
 */
final class PhpAttemptsTest extends TestCase
{
    private static FaultServer $server;
    private static TempDir $directory;

    public static function setUpBeforeClass(): void
    {
        self::$directory = new TempDir('attempts');
        self::$server = new FaultServer(self::$directory);
        self::$server->listen('plain');
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
        self::$directory->remove();
    }

    public function testAnAnswerThatMayPassIsAskedForAgain(): void
    {
        foreach ([429, 502, 503, 504] as $status) {
            $busy = FaultServer::answer($status, [['retry-after', '0']], 'not read');
            self::$server->answers('plain', [$busy], [$busy], [FaultServer::answer(200, [], 'now')]);
            $response = self::send('GET', 3);

            self::assertSame([200, 'now', 3], [$response->status, $response->body, $response->audit['attempts']]);
            self::assertCount(3, self::$server->seen('plain'), 'each on a connection of its own');
        }
    }

    public function testTheLastAnswerIsTheCallers(): void
    {
        self::$server->answers('plain', [FaultServer::answer(503, [], 'busy')]);
        $response = self::send('GET', 2);

        self::assertSame([503, 'busy', 2], [$response->status, $response->body, $response->audit['attempts']]);
    }

    public function testAPostIsRepeatedWithAKeyOnly(): void
    {
        self::$server->answers('plain', [FaultServer::answer(503)], [FaultServer::answer(200)]);
        self::assertSame(503, self::send('POST', 2)->status);
        self::$server->answers('plain', [FaultServer::answer(503)], [FaultServer::answer(200)]);
        self::assertSame(200, self::send('POST', 2, key: 'once')->status);
        $keys = array_map(static fn ($request): ?string => $request->value('idempotency-key'), self::$server->requests('plain'));
        self::assertSame(['once', 'once'], $keys);

        self::$server->script('plain', [['read'], ['close']], [['read'], FaultServer::answer(200)]);
        self::assertSame('protocol.closed_early maybe', self::failure('POST', 2));
        self::assertCount(1, self::$server->requests('plain'));
        self::$server->script('plain', [['read'], ['close']], [['read'], FaultServer::answer(200)]);
        self::assertSame(200, self::send('POST', 2, key: 'once')->status);
    }

    public function testWhatWasNotSentIsRepeatedForAnyMethod(): void
    {
        $port = Port::free();
        foreach (['POST', 'GET'] as $method) {
            try {
                self::send($method, 3, port: $port);
                self::fail('Nobody listens there.');
            } catch (OutboundException $failure) {
                self::assertSame('connect.refused no', $failure->errorCode() . ' ' . $failure->sent());
                self::assertSame(3, $failure->auditRecord()['attempts'] ?? null);
            }
        }
    }

    public function testTheWorstOfAllAttemptsIsTold(): void
    {
        self::$server->script('plain', [['read'], ['close']], [['read'], FaultServer::write("HTTP/1.1 200 OK\r\nno field\r\n\r\n")]);
        self::assertSame('protocol.invalid yes', self::failure('POST', 2, key: 'once'));
        self::$server->script('plain', [['read'], FaultServer::answer(503)], [['read'], ['close']]);
        self::assertSame('protocol.closed_early yes', self::failure('POST', 2, key: 'once'));
    }

    public function testAPauseThatDoesNotFitIsNotBegun(): void
    {
        $later = FaultServer::answer(503, [['retry-after', '3600']], 'later');
        self::$server->answers('plain', [$later], [FaultServer::answer(200)]);
        $response = self::send('GET', 2);

        self::assertSame([503, 'later', 1], [$response->status, $response->body, $response->audit['attempts']]);
    }

    public function testTheServersPauseIsKept(): void
    {
        self::$server->answers('plain', [FaultServer::answer(503, [['retry-after', '1']])], [FaultServer::answer(200)]);
        $response = self::send('GET', 2);

        self::assertSame(200, $response->status);
        self::assertGreaterThanOrEqual(1_000_000, $response->audit['duration_us']);
    }

    private static function send(string $method, int $attempts, ?string $key = null, ?int $port = null): ResponseSpec
    {
        $port ??= self::$server->port('plain');
        $host = ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]];
        return (new PhpTransport(['internal_hosts' => [$host]]))->send(new RequestSpec(
            'test',
            $method,
            new Policy(['GET', 'POST'], allowHttp: true, maxAttempts: $attempts),
            'http://localhost:' . $port,
            idempotencyKey: $key,
        ));
    }

    private static function failure(string $method, int $attempts, ?string $key = null): string
    {
        try {
            return (string) self::send($method, $attempts, $key)->status;
        } catch (OutboundException $failure) {
            return $failure->errorCode() . ' ' . $failure->sent();
        }
    }
}
