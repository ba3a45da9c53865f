<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * Turns what libcurl reports into codes. Where one error number of libcurl means several faults, OpenSSL's number or libcurl's own
 * fixed texts decide, never a text in the language of the locale.
 *
 * @internal
 */
final class Classifier
{
    /** Numbers that ext-curl has no names for in every version. */
    private const TOO_LARGE = 100;
    private const ISSUER = 83;
    private const HTTP2_FRAMING = 16;
    /** CURLE_SSL_PEER_CERTIFICATE before libcurl 7.62, which made it CURLE_SSL_CACERT's. */
    private const OTHER_PEER = 51;

    /** SSL_R_… of OpenSSL: the base of the numbers of alerts, and a connection that ends without an alert. */
    private const ALERT = 1000;
    private const UNEXPECTED_END = 294;

    /** X509_V_ERR_… of OpenSSL. */
    private const NOT_YET_VALID = 9;
    private const EXPIRED = 10;
    private const UNKNOWN_ISSUER = [2, 18, 19, 20, 21];
    private const REVOKED = 23;
    private const PURPOSE = 26;
    /** libcurl compares the names itself, after the chain was verified and before it reads OpenSSL's result. */
    private const OTHER_NAME = [0, 1, 62, 63, 64];

    /** Why there is no response; null if there is one. */
    public static function failure(TransferEnd $end): ?OutboundException
    {
        if ($end->error === CURLE_OK && $end->isHeadWhole) {
            return null;
        }
        [$code, $message] = self::verdict($end);
        return OutboundException::create($code, $message, sent: $end->sent(), httpStatus: $end->status);
    }

    /**
     * @return array{string, string} code and message
     */
    private static function verdict(TransferEnd $end): array
    {
        return match ($end->error) {
            // A connection that ends within the head counts as a whole response for libcurl.
            CURLE_OK, CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR => self::broken($end),
            // libcurl reports this for an HTTP/2 connection that the server ended, and for one that it ended itself.
            self::HTTP2_FRAMING => $end->begun ? self::broken($end) : self::unusable(),
            CURLE_OPERATION_TIMEOUTED => self::timeout($end),
            CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY => [
                'dns.failed',
                "the host's name could not be resolved; look at the system's resolver",
            ],
            CURLE_COULDNT_CONNECT => self::unconnected($end),
            self::OTHER_PEER,
            CURLE_SSL_CACERT,
            CURLE_SSL_CACERT_BADFILE,
            self::ISSUER => ['tls.certificate_invalid', self::certificate($end)],
            CURLE_SSL_CONNECT_ERROR => self::handshake($end),
            CURLE_RECV_ERROR => self::received($end),
            CURLE_UNSUPPORTED_PROTOCOL,
            CURLE_WEIRD_SERVER_REPLY,
            CURLE_OUT_OF_MEMORY,
            CURLE_SSL_CIPHER,
            CURLE_BAD_CONTENT_ENCODING,
            self::TOO_LARGE => $end->begun ? self::invalid() : self::unusable(),
            default => $end->begun ? self::broken($end) : self::unusable(),
        };
    }

    /**
     * @return array{string, string}
     */
    private static function timeout(TransferEnd $end): array
    {
        return match (true) {
            !$end->begun && $end->connectIsTimed => [
                'timeout.connect',
                'no connection was made within connect_timeout_ms',
            ],
            $end->isHeadWhole => ['timeout.total', "the response's body did not end within timeout_ms"],
            default => ['timeout.total', 'no response came within timeout_ms'],
        };
    }

    /**
     * @return array{string, string}
     */
    private static function unconnected(TransferEnd $end): array
    {
        $whose = $end->isProxied ? 'proxy' : 'host';
        return $end->systemError === SOCKET_ECONNREFUSED
            ? ['connect.refused', 'nobody listens at the ' . $whose . "'s port"]
            : ['connect.failed', 'the ' . $whose . ' cannot be reached'];
    }

    /**
     * libcurl reports the same error for a refused tunnel, for a connection that ended, and for invalid chunks.
     *
     * @return array{string, string}
     */
    private static function received(TransferEnd $end): array
    {
        if ($end->begun) {
            $reason = self::opensslReason($end->text);
            return match (true) {
                // The text after these words comes from the system, in the language of the locale.
                str_starts_with($end->text, 'Recv failure: ') => self::broken($end),
                str_contains($end->text, 'chunk') => self::invalid(),
                // libcurl has a limit of its own for the heads of all interim responses together.
                str_contains($end->text, 'Too large response headers') => self::invalid(),
                // In TLS 1.3 a server may refuse the client after the client's own handshake is complete.
                !$end->isHeadWhole && $reason >= self::ALERT && $reason < self::ALERT + 256 => [
                    'tls.handshake_failed',
                    "the server ended TLS with an alert; it may want a client's certificate",
                ],
                default => self::broken($end),
            };
        }
        return match (true) {
            !$end->isProxied => ['connect.failed', 'the host cannot be reached'],
            $end->tunnelStatus === 407 => [
                'connect.proxy_refused',
                'the proxy wants other credentials; look at proxy.url',
            ],
            $end->tunnelStatus === 0 => ['connect.failed', 'the proxy cannot be reached or broke the tunnel'],
            default => ['connect.proxy_refused', 'the proxy refused to open a tunnel to the host'],
        };
    }

    /**
     * @return array{string, string}
     */
    private static function handshake(TransferEnd $end): array
    {
        // If OpenSSL gives no reason, the connection has ended.
        return (self::opensslReason($end->text) ?? self::UNEXPECTED_END) === self::UNEXPECTED_END
            ? ['tls.handshake_failed', 'the connection ended during the TLS handshake']
            : ['tls.handshake_failed', 'TLS 1.2 or 1.3 could not be agreed with the server'];
    }

    /** The number SSL_R_… of OpenSSL, which is in libcurl's message; null if there is none. */
    private static function opensslReason(#[\SensitiveParameter] string $text): ?int
    {
        // The library's number, 20 for SSL, precedes the reason, and in OpenSSL 1.1 also a function's.
        $isThere = preg_match('/\berror:(?:14[0-9A-F]{3}|0A000)([0-9A-F]{3}):/', $text, $found) === 1;
        return $isThere ? (int) hexdec($found[1]) : null;
    }

    private static function certificate(TransferEnd $end): string
    {
        return match (true) {
            $end->error === CURLE_SSL_CACERT_BADFILE => 'no trust anchor could be loaded; install ca-certificates'
                . (LocalFile::isConfined() ? ', or name a file within open_basedir in tls.ca_file' : ''),
            $end->verification === self::EXPIRED => "the server's certificate has expired",
            $end->verification === self::NOT_YET_VALID => "the server's certificate is not valid yet",
            $end->verification === self::REVOKED => "the server's certificate is revoked",
            in_array($end->verification, self::UNKNOWN_ISSUER, true)
                => "the server's certificate comes from an issuer that is not trusted here; put the issuer's "
                    . "certificate, or the server's own, into tls.ca_file",
            in_array($end->verification, self::OTHER_NAME, true) => "the server's certificate is for another name",
            $end->verification === self::PURPOSE
                => "the server's certificate is not valid: it is not meant for servers",
            default => "the server's certificate is not valid",
        };
    }

    /**
     * @return array{string, string}
     */
    private static function broken(TransferEnd $end): array
    {
        return $end->begun
            ? ['protocol.closed_early', 'the connection ended before the response did']
            : ['connect.failed', 'the host cannot be reached'];
    }

    /**
     * @return array{string, string}
     */
    private static function invalid(): array
    {
        return ['protocol.invalid', "the server's response is not acceptable HTTP"];
    }

    /**
     * A failure of libcurl itself before anything was sent: it lacks a protocol or an option, or memory.
     *
     * @return array{string, string}
     */
    private static function unusable(): array
    {
        return ['configuration.transport_unavailable', "PHP's curl cannot make this connection: it lacks TLS or memory"];
    }
}
