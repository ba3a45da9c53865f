<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Transport\Breaker;
use Netresearch\NrVault\Transport\CredentialReference;

/**
 * Several calls at once, through the client.
 */
trait ConcurrentCases
{
    public function testCallsAreMadeAtOnceAndAskedForWhenTheyCanBegin(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], ['hold'], FaultServer::answer(200, [['connection', 'close']], 'late')]);
        $asked = 0;
        $calls = static function () use (&$asked): \Generator {
            while ($asked < 7) {
                yield 'call ' . $asked++ => ['streamed', 'POST', '/x'];
            }
        };
        $signal = self::releasingAtThree(static function () use (&$asked): void {
            self::assertSame(3, $asked);
        });
        $requests = static function () use ($calls, $signal): \Generator {
            foreach ($calls() as $key => $call) {
                yield $key => [...$call, ['cancel' => $signal]];
            }
        };
        $keys = [];
        foreach ($client->requestAll($requests(), 3) as $key => $response) {
            self::assertInstanceOf(SecureHttpResponse::class, $response);
            self::assertSame('late', $response->body());
            $keys[] = $key;
        }
        sort($keys);
        self::assertSame(array_map(static fn (int $number): string => 'call ' . $number, range(0, 6)), $keys);
        self::assertCount(7, $sink->entries());
        self::assertSame([self::class], array_unique(array_map(
            static fn ($entry): string => (string) strstr((string) $entry->caller . ':', ':', true),
            $sink->entries(),
        )));
    }

    public function testAFailureIsOneOfTheResults(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->answers('plain', [FaultServer::answer(201)]);
        $calls = [
            'refused' => ['streamed', 'PURGE', '/x'],
            'unknown' => ['nobody', 'GET', '/x'],
            'no call' => 'streamed',
            'made' => ['streamed', 'POST', '/x'],
        ];
        $ends = [];
        foreach ($client->requestAll($calls) as $key => $end) {
            $ends[$key] = $end instanceof OutboundException ? $end->errorCode() : $end->statusCode();
        }
        self::assertSame([
            'refused' => 'policy.method_not_allowed',
            'unknown' => 'policy.service_unknown',
            'no call' => 'invalid_request.malformed',
            'made' => 201,
        ], $ends);
        self::assertCount(3, $sink->entries());
        self::assertSame([], iterator_to_array($client->requestAll([])));
        $this->expectExceptionMessage('at least one call');
        $client->requestAll([], 0);
    }

    public function testLeavingTheLoopCancelsTheRest(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        $answer = FaultServer::answer(200, [['connection', 'close']]);
        self::$server->script('plain', [['read'], ['hold'], $answer], [['read'], ['silence']]);
        $calls = array_fill(0, 3, ['streamed', 'POST', '/x', ['cancel' => self::releasingAtThree(static fn (): bool => true)]]);
        foreach ($client->requestAll($calls) as $response) {
            self::assertInstanceOf(SecureHttpResponse::class, $response);
            break;
        }
        self::$server->wait('plain', 'closed', 3);
        self::assertSame([null, 'cancelled.requested', 'cancelled.requested'], self::recorded($sink));
    }

    public function testTheTimeOfACallBeginsWithIt(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], ['silence']], [['read'], FaultServer::answer(200)]);
        $calls = array_fill(0, 2, ['streamed', 'POST', '/x', ['timeout' => 0.6]]);
        $ends = [];
        foreach ($client->requestAll($calls, 1) as $end) {
            $ends[] = $end instanceof OutboundException ? $end->errorCode() : $end->statusCode();
        }
        self::assertSame(['timeout.total', 200], $ends);
    }

    public function testWhatTheIterableThrowsEndsTheLoop(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], ['silence']]);
        $calls = (static function (): \Generator {
            yield ['streamed', 'POST', '/x'];
            throw new \DomainException('of the iterable');
        })();
        $caught = null;
        try {
            iterator_to_array($client->requestAll($calls));
        } catch (\DomainException $caught) {
        }
        self::assertNotNull($caught);
        self::assertSame(['cancelled.requested'], self::recorded($sink));
    }

    /** Whichever call is answered first is handed over first; the other one is answered only then. */
    public function testEachIsHandedOverWhenItHasEnded(): void
    {
        $client = self::clientThatStreams(new MemoryAuditSink());
        self::$server->answers(
            'plain',
            [['hold'], FaultServer::answer(200, [], 'late')],
            [FaultServer::answer(200, [], 'early')],
        );
        $bodies = [];
        foreach ($client->requestAll(array_fill(0, 2, ['streamed', 'POST', '/x'])) as $response) {
            self::assertInstanceOf(SecureHttpResponse::class, $response);
            $bodies[] = $response->body();
            self::$server->release('plain');
        }
        self::assertSame(['early', 'late'], $bodies);
    }

    public function testAttemptsAreMadeWithinEachCall(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink(), ['allowed_methods' => ['GET'], 'max_attempts' => 2]);
        $busy = [['hold'], FaultServer::answer(503, [['retry-after', '0']])];
        self::$server->answers('plain', $busy, $busy, $busy, [FaultServer::answer(200, [], 'done')]);
        $calls = array_fill(0, 3, ['streamed', 'GET', '/x', ['cancel' => self::releasingAtThree(static fn (): bool => true)]]);
        foreach ($client->requestAll($calls) as $response) {
            self::assertInstanceOf(SecureHttpResponse::class, $response);
            self::assertSame('done', $response->body());
        }
        self::assertSame([2, 2, 2], array_map(static fn (AuditEntry $entry): mixed => $entry->record['attempts'], $sink->entries()));
    }

    public function testTheBreakerWorksBetweenCalls(): void
    {
        $policy = ['breaker' => ['failures' => 2, 'open_ms' => Breaker::MAX_OPEN_MS]];
        $client = self::clientThatStreams(new MemoryAuditSink(), $policy, transport: self::make());
        self::$server->answers('plain', [FaultServer::answer(500)]);
        $ends = [];
        foreach ($client->requestAll(array_fill(0, 4, ['streamed', 'POST', '/x']), 1) as $end) {
            $ends[] = $end instanceof OutboundException ? $end->errorCode() : $end->statusCode();
        }
        $refused = self::deviates('breaker') ? 500 : 'policy.circuit_open';
        self::assertSame([500, 500, $refused, $refused], $ends);
    }

    public function testATokenThatIsRejectedIsRenewedWithinACall(): void
    {
        $token = static fn (string $name): array => [FaultServer::answer(200, [['content-type', 'application/json']], (string) json_encode([
            'access_token' => $name . self::CANARY,
            'token_type' => 'bearer',
            'expires_in' => 3600,
        ]))];
        self::$server->answers('tls', $token('one-'), $token('two-'));
        self::$server->answers('plain', [FaultServer::answer(401)], [FaultServer::answer()]);
        $payload = ['client_id' => 'shop', 'client_secret' => self::CANARY, 'token_url' => self::url('tls') . '/token'];
        $credential = self::seal(CredentialReference::OAUTH2_CLIENT_CREDENTIALS, $payload, identifier: 'renewed');
        $client = self::clientThatStreams($sink = new MemoryAuditSink(), credential: $credential);
        $ends = [];
        foreach ($client->requestAll(array_fill(0, 2, ['streamed', 'POST', '/x']), 1) as $end) {
            $ends[] = $end instanceof OutboundException ? $end->errorCode() : $end->statusCode();
        }
        $isThere = !self::deviates('oauth');
        self::assertSame(array_fill(0, 2, $isThere ? 200 : 'credential.unsupported'), $ends);
        self::assertSame($isThere ? 3 : 0, self::requests());
        self::assertSame(
            $isThere ? [2, 0] : [0, 0],
            array_map(static fn (AuditEntry $entry): mixed => $entry->record['token_requests'], $sink->entries()),
        );
    }

    /** The option "cancel", which cancels nothing: the server answers when three of the calls are there. */
    private static function releasingAtThree(\Closure $then): \Closure
    {
        $isFull = false;
        return static function () use (&$isFull, $then): bool {
            if (!$isFull && self::requests() === 3) {
                $then();
                self::$server->release('plain');
                $isFull = true;
            }
            return false;
        };
    }
}
