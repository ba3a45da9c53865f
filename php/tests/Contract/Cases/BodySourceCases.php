<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Double\PiecesOfBody;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\Placement;

/**
 * Bodies of requests that are read while they are sent.
 */
trait BodySourceCases
{
    public function testABodyInPiecesIsSentOnce(): void
    {
        self::$server->answers('plain', [FaultServer::answer(307, [['location', '/v1/there']])], [FaultServer::answer(503)]);
        $policy = self::policy(maxAttempts: 3, maxRedirects: 3);
        foreach ([307, 503] as $status) {
            $exchange = self::start(
                self::request(method: 'PUT', policy: $policy),
                body: new PiecesOfBody(['abc'], 3),
            );
            self::next($exchange);
            self::assertSame($status, $exchange->head()?->status);
            self::assertSame(1, self::record($exchange)['attempts']);
        }
        self::assertSame(2, self::requests());
    }

    public function testWhatTheSourceThrowsReachesTheCaller(): void
    {
        $thrown = new \DomainException('of the source');
        self::$server->script('plain', [['read'], ['silence']]);
        $exchange = self::start(self::request(), body: new PiecesOfBody(['abc', $thrown], 9));
        $caught = null;
        try {
            self::next($exchange);
        } catch (\DomainException $caught) {
        }
        self::assertSame($thrown, $caught);
        self::$server->wait('plain', 'closed');
        self::assertSame(0, self::requests());
    }

    public function testTheRecordNamesWhatTheSourceThrew(): void
    {
        self::$server->script('plain', [['read'], ['silence']], [['read'], ['silence']]);
        $thrown = OutboundException::create('response.event_too_large', 'of the source');
        $exchange = self::start(self::request(), body: new PiecesOfBody(['abc', $thrown], null));
        self::assertSame('response.event_too_large maybe', self::failureOf($exchange));
        self::assertSame(
            ['response', 'response.event_too_large', ['response.event_too_large']],
            self::values(self::record($exchange), 'error_class', 'error_code', 'attempt_errors'),
        );

        $exchange = self::start(self::request(), body: new PiecesOfBody([new \DomainException('of the source')], 9));
        try {
            self::next($exchange);
            self::fail('nothing was thrown');
        } catch (\DomainException) {
        }
        self::assertSame(
            ['internal', 'internal.interrupted', []],
            self::values(self::record($exchange), 'error_class', 'error_code', 'attempt_errors'),
        );
    }

    public function testABodyThatIsTooShortOrTooLong(): void
    {
        self::$server->script('plain', [['read'], ['silence']]);
        $exchange = self::start(self::request(), body: new PiecesOfBody(['abc'], 9));
        self::assertSame('invalid_request.malformed maybe', self::failureOf($exchange));

        $policy = self::policy(requestBytes: 5);
        $exchange = self::start(self::request(policy: $policy), body: new PiecesOfBody(['abc', 'def'], null));
        self::assertSame('policy.request_too_large maybe', self::failureOf($exchange));
        self::assertSame(0, self::requests());
    }

    public function testACredentialInABodyInPiecesIsRefused(): void
    {
        $sealed = self::seal('secret', 'of the body', Placement::bodyField('key'));
        $headers = [['content-type', 'application/json']];
        $code = null;
        try {
            $request = self::request(credentials: [$sealed], headers: $headers);
            // The sidecar places credentials behind its decision.
            self::next(self::start($request, body: new PiecesOfBody(['{}'], 2)));
        } catch (OutboundException $refusal) {
            $code = $refusal->errorCode();
        }
        self::assertSame('credential.placement_conflict', $code);
    }

    /** In a process of its own, whose largest size is asked for before and after. */
    public function testABodyThatIsLargerThanMemory(): void
    {
        $size = 200 << 20;
        $file = self::$directory->path . '/large';
        $handle = fopen($file, 'w');
        ftruncate($handle, $size);
        fclose($handle);
        self::$server->script(
            'plain',
            [['read'], FaultServer::answer(200, [['connection', 'close']])],
            [['read-head'], ['swallow', $size], FaultServer::answer()],
        );
        $grown = self::growth('["body" => new SplFileInfo(__FILE__)]', '["body" => new SplFileInfo(' . var_export($file, true) . ')]');
        unlink($file);
        self::assertLessThan(4096, $grown);
        self::assertCount(2, self::$server->seen('plain'));
    }
}
