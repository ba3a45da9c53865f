<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Net;

use Netresearch\NrVault\Transport\Php\Net\Classifier;
use Netresearch\NrVault\Transport\Php\Net\Ending;
use PHPUnit\Framework\TestCase;

/**
 * What libcurl reports, and the codes that it becomes.
 */
final class ClassifierTest extends TestCase
{
    public function testAnAnswerIsNoFailure(): void
    {
        self::assertNull(Classifier::failure(new Ending(CURLE_OK, begun: true, status: 200, isHeadWhole: true)));
    }

    /**
     * @dataProvider endings
     */
    public function testEndings(string $expected, Ending $ending, string $says = ''): void
    {
        $failure = Classifier::failure($ending);

        self::assertSame($expected, $failure?->errorCode() . ' ' . $failure?->sent());
        self::assertSame($ending->status, $failure?->httpStatus());
        self::assertStringContainsString($says, (string) $failure?->getMessage());
    }

    /**
     * @return iterable<string, array{0: string, 1: Ending, 2?: string}>
     */
    public static function endings(): iterable
    {
        $begun = ['begun' => true];
        $status = $begun + ['status' => 201];
        $answered = $status + ['isHeadWhole' => true];
        yield 'refused' => ['connect.refused no', new Ending(7, systemError: SOCKET_ECONNREFUSED), 'host'];
        yield 'unreachable' => ['connect.failed no', new Ending(7, systemError: SOCKET_EHOSTUNREACH), 'host'];
        yield 'proxy refused' => [
            'connect.refused no',
            new Ending(7, systemError: SOCKET_ECONNREFUSED, isProxied: true),
            'proxy',
        ];
        yield 'connect timeout' => ['timeout.connect no', new Ending(28, connectIsTimed: true)];
        yield 'deadline while connecting' => ['timeout.total no', new Ending(28)];
        yield 'deadline after it' => ['timeout.total maybe', new Ending(28, connectIsTimed: true, begun: true)];
        yield 'deadline in the head' => ['timeout.total yes', new Ending(...[28] + $status), 'no answer'];
        yield 'deadline in the body' => ['timeout.total yes', new Ending(...[28] + $answered), 'body'];
        yield 'no answer' => ['protocol.closed_early maybe', new Ending(52, begun: true)];
        yield 'a head that ends early, which libcurl takes' => [
            'protocol.closed_early yes',
            new Ending(...[CURLE_OK] + $status),
        ];
        yield 'a body that ends early' => ['protocol.closed_early yes', new Ending(...[18] + $answered)];
        yield 'reset' => ['protocol.closed_early maybe', new Ending(56, 'Recv failure: Connection reset', begun: true)];
        yield 'reset while sending' => ['protocol.closed_early maybe', new Ending(55, begun: true)];
        yield 'bad chunks' => [
            'protocol.invalid yes',
            new Ending(...[56, 'Illegal or missing hexadecimal sequence in chunked-encoding'] + $answered),
        ];
        yield 'an alert behind the handshake' => [
            'tls.handshake_failed maybe',
            new Ending(56, 'OpenSSL SSL_read: SSL routines::tlsv13 alert certificate required', begun: true),
            'certificate',
        ];
        yield 'the same words in the middle of an answer' => [
            'protocol.closed_early yes',
            new Ending(...[56, 'SSL_read: tlsv1 alert internal error'] + $answered),
        ];
        yield 'HTTP/0.9' => ['protocol.invalid maybe', new Ending(1, begun: true)];
        yield 'a strange answer' => ['protocol.invalid maybe', new Ending(8, begun: true)];
        yield 'a line without end' => ['protocol.invalid yes', new Ending(...[27] + $status)];
        yield 'frames that are none' => ['protocol.invalid maybe', new Ending(16, begun: true)];
        yield 'a stream that is reset' => ['protocol.closed_early maybe', new Ending(92, begun: true)];
        yield '407' => [
            'connect.proxy_refused no',
            new Ending(56, isProxied: true, tunnelStatus: 407),
            'other credentials',
        ];
        yield '403 of a proxy' => ['connect.proxy_refused no', new Ending(56, isProxied: true, tunnelStatus: 403)];
        yield 'a proxy that hangs up' => ['connect.failed no', new Ending(56, isProxied: true)];
        yield 'no handshake' => ['tls.handshake_failed no', new Ending(35, 'wrong version number'), 'could not be agreed'];
        yield 'hung up in the handshake' => ['tls.handshake_failed no', new Ending(35, 'SSL_ERROR_SYSCALL'), 'ended'];
        yield 'expired' => ['tls.certificate_invalid no', new Ending(60, verification: 10), 'expired'];
        yield 'not yet valid' => ['tls.certificate_invalid no', new Ending(60, verification: 9), 'not valid yet'];
        yield 'another issuer' => ['tls.certificate_invalid no', new Ending(60, verification: 20), 'issuer'];
        yield 'revoked' => ['tls.certificate_invalid no', new Ending(60, verification: 23), 'revoked'];
        yield 'another name' => ['tls.certificate_invalid no', new Ending(60, verification: 1), 'another name'];
        yield 'another fault' => ['tls.certificate_invalid no', new Ending(60, verification: 7), 'does not stand'];
        yield 'no anchor' => ['tls.certificate_invalid no', new Ending(77), 'no trust anchor'];
        yield 'a curl without TLS' => ['configuration.transport_unavailable no', new Ending(1)];
        yield 'memory' => ['configuration.transport_unavailable no', new Ending(27)];
        yield 'a name that libcurl looked up' => ['dns.failed no', new Ending(6)];
        yield 'an error of a later libcurl' => ['protocol.closed_early maybe', new Ending(9999, begun: true)];
    }

    public function testNoWordOfLibcurlIsShown(): void
    {
        foreach (range(1, 100) as $error) {
            foreach ([true, false] as $begun) {
                $failure = Classifier::failure(new Ending($error, 'c4n4ry', begun: $begun, isProxied: !$begun));
                self::assertStringNotContainsString('c4n4ry', (string) $failure);
                self::assertSame($begun ? 'maybe' : 'no', $failure?->sent());
            }
        }
    }
}
