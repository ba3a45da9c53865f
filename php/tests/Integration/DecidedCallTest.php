<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A call is judged once: send() with a decision sends the request that decide() has judged.
 */
final class DecidedCallTest extends IntegrationTestCase
{
    private RustFfiTransport $transport;
    private SealedCredential $credential;

    protected function setUp(): void
    {
        $this->transport = self::transport();
        $this->credential = self::seal(CredentialReference::BEARER, ['token' => self::CANARY]);
    }

    public function testWhatWasDecidedIsSent(): void
    {
        $request = self::request(body: 'a=1', timeoutMs: 1000);
        $decision = $this->decided($request);
        $response = $this->transport->send($request->withCredentials([$this->credential]), $decision);

        self::assertSame(200, $response->status);
        self::assertSame('Bearer ' . self::CANARY, self::seen($response)['headers']['authorization'] ?? null);
        self::assertSame(3, $response->audit['bytes_out']);
    }

    public function testItsTimeRunsFromTheDecision(): void
    {
        $request = self::request(timeoutMs: 30);
        $decision = $this->decided($request);
        $end = hrtime(true) + 31_000_000;
        Poll::until(static fn (): bool => hrtime(true) > $end, 'the deadline');

        self::assertSame('timeout.total', $this->refusal($request->withCredentials([$this->credential]), $decision));
    }

    public function testADecisionThatWasSentIsACallOfItsOwnAgain(): void
    {
        $request = self::request();
        $decision = $this->decided($request);

        self::assertSame('', $this->refusal($request->withCredentials([$this->credential]), $decision));
        self::assertSame('', $this->refusal($request->withCredentials([$this->credential]), $decision));
    }

    public function testAnotherBodyIsJudgedAnew(): void
    {
        $request = self::request(body: 'a=1');
        $decision = $this->decided($request);
        $other = $request->withBody('another')->withCredentials([$this->credential]);

        self::assertSame(7, $this->transport->send($other, $decision)->audit['bytes_out']);
    }

    public function testOtherCredentialsAreJudgedAnew(): void
    {
        $request = self::request();
        $decision = $this->decided($request);
        $response = $this->transport->send($request, $decision);

        self::assertSame([], $response->audit['credentials']);
        self::assertArrayNotHasKey('authorization', self::seen($response)['headers']);
    }

    public function testAnEngineThatWasClosedSinceIsOpenedAgain(): void
    {
        $request = self::request();
        $decision = $this->decided($request);
        NativeLibrary::close((fn (): int => $this->engine)->call($this->transport));

        self::assertSame('', $this->refusal($request->withCredentials([$this->credential]), $decision));
    }

    public function testADecisionOfAnotherTransportIsNone(): void
    {
        $request = self::request();
        $decision = $this->decided($request);
        $number = $this->number($decision);

        $response = self::transport()->send($request->withCredentials([$this->credential]), $decision);
        self::assertSame(200, $response->status);
        self::assertSame(NativeLibrary::OK, NativeLibrary::sendDecided($number, '', $this->credential->sealed)['status']);
    }

    public function testACallThatIsNotSentGoesWithItsDecision(): void
    {
        $decision = $this->decided(self::request());
        $number = $this->number($decision);
        unset($decision);

        self::assertSame(NativeLibrary::UNKNOWN_CALL, NativeLibrary::sendDecided($number, '', '')['status']);
    }

    public function testAForkedChildMakesACallOfItsOwn(): void
    {
        $request = self::request();
        $decision = $this->decided($request);
        $child = pcntl_fork();
        if ($child === 0) {
            $code = $this->refusal($request->withCredentials([$this->credential]), $decision);
            posix_kill(posix_getpid(), $code === '' ? SIGUSR1 : SIGKILL);
        }
        pcntl_waitpid($child, $status);

        self::assertSame(SIGUSR1, pcntl_wtermsig($status));
        self::assertSame('', $this->refusal($request->withCredentials([$this->credential]), $decision));
    }

    public function testAServiceIsEncodedAnewWhereAnythingOfItDiffers(): void
    {
        $request = self::request();
        $this->decided($request);
        $this->decided($request);
        $elsewhere = new RequestSpec('test', 'POST', $request->policy, 'https://localhost:1/v1', '/echo');
        try {
            $this->decided($elsewhere);
            self::fail('The first base URL was taken for the second.');
        } catch (OutboundException $refusal) {
            self::assertSame('policy.port_not_allowed', $refusal->errorCode());
        }
        $response = $this->transport->send($request, $this->transport->decide($request));
        self::assertSame([], $response->audit['credentials'], 'the references of the calls before');
    }

    private function decided(RequestSpec $request): Decision
    {
        return $this->transport->decide($request, [$this->credential->reference]);
    }

    /** The library's number of the call that belongs to a decision. */
    private function number(Decision $decision): int
    {
        $call = (fn (): object => $this->decided[$decision])->call($this->transport);
        return (fn (): int => $this->number)->call($call);
    }

    private function refusal(RequestSpec $request, Decision $decision): string
    {
        try {
            $this->transport->send($request, $decision);
            return '';
        } catch (OutboundException $refusal) {
            return $refusal->errorCode();
        }
    }
}
