<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Net;

use Netresearch\NrVault\Transport\Php\Net\Classifier;
use Netresearch\NrVault\Transport\Php\Net\TransferEnd;
use PHPUnit\Framework\TestCase;

/**
 * The error code of each failure that libcurl reports.
 */
final class ClassifierTest extends TestCase
{
    public function testAnAnswerIsNoFailure(): void
    {
        self::assertNull(Classifier::failure(new TransferEnd(CURLE_OK, begun: true, status: 200, isHeadWhole: true)));
    }

    /**
     * @dataProvider endings
     */
    public function testEndings(string $expected, TransferEnd $ending, string $says = ''): void
    {
        $failure = Classifier::failure($ending);

        self::assertSame($expected, $failure?->errorCode() . ' ' . $failure?->sent());
        self::assertSame($ending->status, $failure?->httpStatus());
        self::assertStringContainsString($says, (string) $failure?->getMessage());
    }

    /**
     * @return iterable<string, array{0: string, 1: TransferEnd, 2?: string}>
     */
    public static function endings(): iterable
    {
        $begun = ['begun' => true];
        $status = $begun + ['status' => 201];
        $answered = $status + ['isHeadWhole' => true];
        yield 'refused' => ['connect.refused no', new TransferEnd(7, systemError: SOCKET_ECONNREFUSED), 'host'];
        yield 'unreachable' => ['connect.failed no', new TransferEnd(7, systemError: SOCKET_EHOSTUNREACH), 'host'];
        yield 'proxy refused' => [
            'connect.refused no',
            new TransferEnd(7, systemError: SOCKET_ECONNREFUSED, isProxied: true),
            'proxy',
        ];
        yield 'connect timeout' => ['timeout.connect no', new TransferEnd(28, connectIsTimed: true)];
        yield 'deadline while connecting' => ['timeout.total no', new TransferEnd(28)];
        yield 'deadline after it' => ['timeout.total maybe', new TransferEnd(28, connectIsTimed: true, begun: true)];
        yield 'deadline in the head' => ['timeout.total yes', new TransferEnd(...[28] + $status), 'no response'];
        yield 'deadline in the body' => ['timeout.total yes', new TransferEnd(...[28] + $answered), 'body'];
        yield 'no response' => ['protocol.closed_early maybe', new TransferEnd(52, begun: true)];
        yield 'a head that ends early, which libcurl takes' => [
            'protocol.closed_early yes',
            new TransferEnd(...[CURLE_OK] + $status),
        ];
        yield 'a body that ends early' => ['protocol.closed_early yes', new TransferEnd(...[18] + $answered)];
        yield 'reset' => ['protocol.closed_early maybe', new TransferEnd(56, 'Recv failure: Connection reset', begun: true)];
        yield 'reset while sending' => ['protocol.closed_early maybe', new TransferEnd(55, begun: true)];
        yield 'bad chunks' => [
            'protocol.invalid yes',
            new TransferEnd(...[56, 'Illegal or missing hexadecimal sequence in chunked-encoding'] + $answered),
        ];
        yield 'bad chunks, in the words of a later libcurl' => [
            'protocol.invalid yes',
            new TransferEnd(...[56, 'chunk hex-length char not a hex digit: 0x7a'] + $answered),
        ];
        yield "a reset, in words that are the system's" => [
            'protocol.closed_early yes',
            new TransferEnd(...[56, 'Recv failure: Too large response headers in chunked-encoding'] + $answered),
        ];
        // Of OpenSSL 3 and of 1.1. A build of OpenSSL without error texts gives the number of the reason only.
        $alert = 'OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::reason(1116), errno 0';
        $older = 'OpenSSL SSL_read: error:1409445C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required, errno 0';
        yield 'an alert behind the handshake' => [
            'tls.handshake_failed maybe',
            new TransferEnd(56, $alert, begun: true),
            'certificate',
        ];
        yield 'the same of an older OpenSSL' => ['tls.handshake_failed maybe', new TransferEnd(56, $older, begun: true)];
        yield 'the same in the middle of an answer' => ['protocol.closed_early yes', new TransferEnd(...[56, $alert] + $answered)];
        yield 'another error of TLS' => [
            'protocol.closed_early maybe',
            new TransferEnd(56, 'OpenSSL SSL_read: error:0A000126:SSL routines::unexpected alert eof, errno 0', begun: true),
        ];
        yield 'HTTP/0.9' => ['protocol.invalid maybe', new TransferEnd(1, begun: true)];
        yield 'a strange answer' => ['protocol.invalid maybe', new TransferEnd(8, begun: true)];
        yield 'a line without end' => ['protocol.invalid yes', new TransferEnd(...[27] + $status)];
        yield 'frames that are none' => ['protocol.closed_early maybe', new TransferEnd(16, begun: true)];
        yield 'a stream that is reset' => ['protocol.closed_early maybe', new TransferEnd(92, begun: true)];
        yield '407' => [
            'connect.proxy_refused no',
            new TransferEnd(56, isProxied: true, tunnelStatus: 407),
            'other credentials',
        ];
        yield '403 of a proxy' => ['connect.proxy_refused no', new TransferEnd(56, isProxied: true, tunnelStatus: 403)];
        yield 'a proxy that hangs up' => ['connect.failed no', new TransferEnd(56, isProxied: true)];
        $handshakes = [
            'could not be agreed' => [
                'OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number',
                'TLS connect error: error:0A000410:SSL routines::sslv3 alert handshake failure',
                'error:1408F10B:SSL routines:ssl3_get_record:wrong version number',
            ],
            'ended during' => [
                'OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:1 ',
                'Recv failure: Die Verbindung wurde vom Kommunikationspartner zurückgesetzt',
                'Send failure: Broken pipe',
                'TLS connect error: error:0A000126:SSL routines::unexpected eof while reading',
            ],
        ];
        foreach ($handshakes as $says => $texts) {
            foreach ($texts as $text) {
                yield $text => ['tls.handshake_failed no', new TransferEnd(35, $text), $says];
            }
        }
        yield 'expired' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 10), 'expired'];
        yield 'not yet valid' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 9), 'not valid yet'];
        yield 'another issuer' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 20), 'issuer'];
        yield 'revoked' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 23), 'revoked'];
        yield 'another name' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 1), 'another name'];
        yield 'another fault' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 7), 'certificate is not valid ['];
        yield 'not for servers' => ['tls.certificate_invalid no', new TransferEnd(60, verification: 26), 'not meant for servers'];
        yield 'no anchor' => ['tls.certificate_invalid no', new TransferEnd(77), 'no trust anchor'];
        yield 'a curl without TLS' => ['configuration.transport_unavailable no', new TransferEnd(1)];
        yield 'suites that it does not know' => ['configuration.transport_unavailable no', new TransferEnd(59)];
        yield 'memory' => ['configuration.transport_unavailable no', new TransferEnd(27)];
        yield 'a name that libcurl looked up' => ['dns.failed no', new TransferEnd(6)];
        yield 'an error of a later libcurl' => ['protocol.closed_early maybe', new TransferEnd(9999, begun: true)];
    }

    public function testNoWordOfLibcurlIsShown(): void
    {
        foreach (range(1, 100) as $error) {
            foreach ([true, false] as $begun) {
                $failure = Classifier::failure(new TransferEnd($error, 'c4n4ry', begun: $begun, isProxied: !$begun));
                self::assertStringNotContainsString('c4n4ry', (string) $failure);
                self::assertSame($begun ? 'maybe' : 'no', $failure?->sent());
            }
        }
    }
}
