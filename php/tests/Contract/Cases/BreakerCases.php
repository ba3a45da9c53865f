<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Transport\Breaker;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * The circuit breaker of a service whose calls fail again and again. An engine has the circuits in its memory, so each case has its
 * own service and its own transport.
 */
trait BreakerCases
{
    public function testACircuitOpensAfterSoManyFailures(): void
    {
        $failing = self::failing('opens', 2);
        $transport = self::make();
        self::$server->answers('plain', [FaultServer::answer(500)]);

        self::assertSame('500', self::call($failing, $transport)->brief());
        self::assertSame('500', self::call($failing, $transport)->brief());
        $outcome = self::call($failing, $transport);
        if (self::deviates('breaker')) {
            self::assertSame('500', $outcome->brief());
            self::assertSame(3, self::requests());
        } else {
            self::assertFailed('policy.circuit_open', 'no', $outcome);
            self::assertSame([2, 0], [self::requests(), $outcome->audit['attempts']]);
        }
        self::$server->answers('plain', [FaultServer::answer()]);
        $other = self::call(self::failing('another', 2), $transport);
        self::assertSame('200', $other->brief(), 'other services have circuits of their own');
    }

    public function testACircuitThatOpensEndsTheAttempts(): void
    {
        $port = Port::free();
        $transport = self::make(['internal_hosts' => self::internal([$port])]);
        $request = self::failing('ends', 2, maxAttempts: 4, baseUrl: 'http://localhost:' . $port);
        $outcome = self::call($request, $transport);

        self::assertFailed('connect.refused', 'no', $outcome);
        self::assertSame(self::deviates('breaker') ? 4 : 2, $outcome->audit['attempts']);
    }

    public function testAnotherAnswerEndsTheRow(): void
    {
        $failing = self::failing('row', 2);
        $transport = self::make();
        $bad = [FaultServer::answer(503)];
        self::$server->answers('plain', $bad, [FaultServer::answer(429)], $bad, [FaultServer::answer(404)], $bad);
        foreach ([503, 429, 503, 404, 503] as $status) {
            self::assertSame((string) $status, self::call($failing, $transport)->brief());
        }
    }

    public function testAnOpenCircuitIsKnownBeforeTheCredentialIsOpened(): void
    {
        $transport = self::make();
        self::$server->answers('plain', [FaultServer::answer(500)]);
        self::assertSame('500', self::call(self::failing('known', 1, credentials: [self::bearer()]), $transport)->brief());
        $garbled = [(new CredentialReference('my_api_key', CredentialReference::BEARER))->seal('no envelope')];
        $outcome = self::call(self::failing('known', 1, credentials: $garbled), $transport);
        $decision = self::decide(self::failing('known', 1, credentials: $garbled), $transport);
        if (self::deviates('breaker')) {
            self::assertFailed('credential.malformed', 'no', $outcome);
            self::assertSame(self::url('plain') . '/x', $decision);
            return;
        }
        self::assertFailed('policy.circuit_open', 'no', $outcome);
        self::assertSame('policy.circuit_open', $decision);
        $refused = self::failing('known', 1, credentials: $garbled, method: 'TRACE');
        self::assertFailed('policy.method_not_allowed', 'no', self::call($refused, $transport));
    }

    /** A request with a breaker that, once open, stays open until the test has ended. */
    private static function failing(string $service, int $failures, int $maxAttempts = 1, mixed ...$more): RequestSpec
    {
        $policy = self::policy(maxAttempts: $maxAttempts, breaker: new Breaker($failures, Breaker::MAX_OPEN_MS));
        return self::request('plain', ...$more + ['serviceId' => $service, 'policy' => $policy]);
    }
}
