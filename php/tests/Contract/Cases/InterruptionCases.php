<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\TransportInterface;
use Netresearch\NrVault\Transport\TransportSelector;

/**
 * A signal handler of the host that throws during a call. The server sends the signal after it has read the request and before it
 * writes the response.
 */
trait InterruptionCases
{
    /**
     * @return array<string, array{class-string<\Throwable>}>
     */
    public static function exceptionsOfHandlers(): array
    {
        return ['an exception' => [\RuntimeException::class], 'an error' => [\TypeError::class]];
    }

    /**
     * @dataProvider exceptionsOfHandlers
     * @param class-string<\Throwable> $alarm
     */
    public function testWhatASignalHandlerThrowsReachesTheCallerAfterTheRecord(string $alarm): void
    {
        $sink = new MemoryAuditSink();
        $client = self::clientOf(self::$transport, $sink);
        $call = static fn () => $client->request('interrupted', 'POST', '/x');
        self::$server->answers('plain', [['signal', getmypid(), SIGALRM], FaultServer::answer(201)], [FaultServer::answer()]);

        self::assertReachesTheCaller($alarm, $call);
        self::assertSame(1, self::requests());
        self::assertCount(1, $sink->entries());
        self::assertSame(AuditEntry::FAILED, $sink->entries()[0]->outcome);
        self::assertSame('internal.interrupted', $sink->entries()[0]->record['error_code']);
        self::assertSame('maybe', $sink->entries()[0]->record['sent']);
        self::assertSame(200, $call()->statusCode(), 'the next call');
        self::assertCount(2, $sink->entries());
    }

    /**
     * @dataProvider exceptionsOfHandlers
     * @param class-string<\Throwable> $alarm
     */
    public function testATransportPassesItOn(string $alarm): void
    {
        $request = self::request(credentials: [self::bearer()]);
        self::$server->answers('plain', [['signal', getmypid(), SIGALRM], FaultServer::answer(201)], [FaultServer::answer()]);

        self::assertReachesTheCaller($alarm, static fn () => self::$transport->send($request));
        self::assertSame('200', self::call($request)->brief(), 'the next call');
    }

    /**
     * The handler has to create its exception itself: PHP then walks the stack for the trace, where from 8.4 on it crashes at the
     * frame of an FFI call.
     *
     * @param class-string<\Throwable> $class
     */
    private static function assertReachesTheCaller(string $class, \Closure $call): void
    {
        $before = pcntl_signal_get_handler(SIGALRM);
        [$thrown, $caught] = [null, null];
        pcntl_async_signals(true);
        pcntl_signal(SIGALRM, static function () use ($class, &$thrown): never {
            throw $thrown = new $class('of the handler');
        });
        try {
            $call();
        } catch (\Throwable $caught) {
        } finally {
            pcntl_signal(SIGALRM, $before);
        }
        self::assertInstanceOf($class, $thrown);
        self::assertSame($thrown, $caught);
        self::assertTrue(pcntl_async_signals());
    }

    private static function clientOf(TransportInterface $transport, MemoryAuditSink $sink): SecureHttpClient
    {
        $selector = new class ($transport) implements TransportSelector {
            public function __construct(private readonly TransportInterface $transport)
            {
            }

            public function select(string $transport): TransportInterface
            {
                return $this->transport;
            }
        };
        $registry = new ArrayServiceRegistry(['interrupted' => [
            'base_url' => self::url('plain'),
            'policy' => self::policyOfEntry(),
        ]]);
        return new SecureHttpClient(new ServiceCalls($registry, new ArrayCredentialProvider([]), $selector, $sink));
    }
}
