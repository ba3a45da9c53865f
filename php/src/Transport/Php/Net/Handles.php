<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Makes curl handles, each for one request. Everything that libcurl would take from the environment, from php.ini or from
 * a default of its own is set.
 *
 * libcurl copies header lines, body and proxy password. It frees its copies with the handle and does not wipe them.
 *
 * @internal
 */
final readonly class Handles
{
    /**
     * 8.14.1. If an HTTP/2 connection breaks within a body of unknown length, an older libcurl takes that for the end of the
     * body, or waits for the deadline. With HTTP/1.1, the end of a chunked body is marked.
     */
    private const TELLS_OF_HTTP2 = 0x080E01;

    /** What libcurl would add by itself and the library does not send. */
    private const OWN_HEADERS = ['accept', 'content-type', 'expect', 'user-agent'];

    /**
     * The library's cipher suites with OpenSSL's names, and its minimum for keys and digests: level 2 requires 112 bits, which
     * excludes SHA-1. The level in the system's openssl.cnf has no effect.
     */
    private const SUITES_1_2 = 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:'
        . 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:@SECLEVEL=2';
    private const SUITES_1_3 = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';

    private const BODY_METHODS = ['POST', 'PUT', 'PATCH'];

    /**
     * @param bool $offersPostQuantum post-quantum key exchanges, if OpenSSL has them
     */
    public function __construct(private Trust $trust, private bool $offersPostQuantum)
    {
    }

    /**
     * @param int $connectMs time that remains for connecting
     * @throws OutboundException configuration.transport_unavailable
     */
    public function open(
        #[\SensitiveParameter] Outgoing $outgoing,
        Route $route,
        int $connectMs,
    ): \CurlHandle {
        $handle = curl_init();
        $target = $outgoing->requestTarget();
        $options = self::fixed() + $this->trust->options() + $this->groups() + [
            CURLOPT_URL => $outgoing->target->origin->text() . '/',
            CURLOPT_REQUEST_TARGET => $target,
            CURLOPT_PROTOCOLS => $outgoing->isSecure() ? CURLPROTO_HTTPS : CURLPROTO_HTTP,
            CURLOPT_HTTP_VERSION => $this->offers2($outgoing) ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1,
            CURLOPT_RESOLVE => $route->pin(),
            CURLOPT_CONNECTTIMEOUT_MS => $connectMs,
            CURLOPT_SHARE => self::ownNames(),
        ];
        $isSet = $handle !== false
            && curl_setopt_array($handle, $options)
            && self::setProxy($handle, $route->proxy)
            && self::setHeaders($handle, $outgoing)
            && self::setBody($handle, $outgoing);
        unset($options);
        Secret::wipeString($target);
        return $isSet ? $handle : throw OutboundException::create(
            'configuration.transport_unavailable',
            "PHP's curl lacks an option that this transport needs, or open_basedir hides the trust anchors from it: name a file "
                . 'within it in tls.ca_file',
        );
    }

    /**
     * Transfers on one multi handle would have the names of CURLOPT_RESOLVE together, and one could connect to the address of
     * another. With a share of its own each has its own.
     */
    private static function ownNames(): \CurlShareHandle
    {
        $share = curl_share_init();
        curl_share_setopt($share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        return $share;
    }

    /**
     * @return array<int, mixed>
     */
    private static function fixed(): array
    {
        return [
            CURLOPT_FRESH_CONNECT => true,
            CURLOPT_FORBID_REUSE => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_REDIR_PROTOCOLS => 0,
            CURLOPT_DISALLOW_USERNAME_IN_URL => true,
            CURLOPT_PATH_AS_IS => true,
            CURLOPT_HTTP09_ALLOWED => false,
            CURLOPT_NETRC => CURL_NETRC_IGNORED,
            CURLOPT_NOPROXY => '',
            CURLOPT_SSLVERSION => CURL_SSLVERSION_TLSv1_2,
            CURLOPT_SSL_CIPHER_LIST => self::SUITES_1_2,
            CURLOPT_TLS13_CIPHERS => self::SUITES_1_3,
            CURLOPT_SSL_SESSIONID_CACHE => false,
            CURLOPT_TCP_NODELAY => true,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_NOPROGRESS => true,
        ];
    }

    /**
     * The library's groups without those that make a large ClientHello. libcurl before 7.73 has no option for it, and OpenSSL
     * releases of that time do not have these groups.
     *
     * @return array<int, string>
     */
    private function groups(): array
    {
        return $this->offersPostQuantum || !defined('CURLOPT_SSL_EC_CURVES')
            ? []
            : [constant('CURLOPT_SSL_EC_CURVES') => 'X25519:P-256:P-384'];
    }

    /** Whether HTTP/2 is offered beside HTTP/1.1; the TLS handshake selects one of them. */
    public function offers2(#[\SensitiveParameter] Outgoing $outgoing): bool
    {
        return $outgoing->isSecure() && $outgoing->mayBeHttp2 && self::knowsHttp2();
    }

    private static function knowsHttp2(): bool
    {
        $curl = curl_version();
        [$features, $version] = [$curl['features'] ?? null, $curl['version_number'] ?? null];
        return is_int($features) && ($features & CURL_VERSION_HTTP2) !== 0 && is_int($version) && $version >= self::TELLS_OF_HTTP2;
    }

    /** The option is set to an empty text, because libcurl would otherwise use the proxy of the environment. */
    private static function setProxy(\CurlHandle $handle, ?Proxy $proxy): bool
    {
        if ($proxy === null) {
            return curl_setopt($handle, CURLOPT_PROXY, '');
        }
        $isSet = curl_setopt_array($handle, [
            CURLOPT_PROXY => 'http://' . $proxy->host->text . ':' . $proxy->port,
            CURLOPT_PROXYTYPE => CURLPROXY_HTTP,
            CURLOPT_HTTPPROXYTUNNEL => true,
            CURLOPT_SUPPRESS_CONNECT_HEADERS => true,
            CURLOPT_HEADEROPT => CURLHEADER_SEPARATE,
            CURLOPT_PROXYHEADER => ['Proxy-Connection:'],
            CURLOPT_PROXYAUTH => CURLAUTH_BASIC,
        ]);
        if ($proxy->user === null) {
            return $isSet;
        }
        return $isSet
            && self::setText($handle, CURLOPT_PROXYUSERNAME, $proxy->user->expose())
            && self::setText($handle, CURLOPT_PROXYPASSWORD, (string) $proxy->password?->expose());
    }

    private static function setText(\CurlHandle $handle, int $option, #[\SensitiveParameter] string $text): bool
    {
        return curl_setopt($handle, $option, $text);
    }

    private static function setHeaders(\CurlHandle $handle, #[\SensitiveParameter] Outgoing $outgoing): bool
    {
        $lines = [];
        foreach ($outgoing->headers as [$name, $value]) {
            $value = $value instanceof Secret ? $value->expose() : $value;
            // libcurl would omit a field whose line has only white space after the colon.
            $lines[] = trim($value) === '' ? "{$name};" : "{$name}: {$value}";
            unset($value);
        }
        foreach (array_diff(self::OWN_HEADERS, array_column($outgoing->headers, 0)) as $name) {
            $lines[] = $name . ':';
        }
        $isSet = curl_setopt($handle, CURLOPT_HTTPHEADER, $lines);
        foreach (array_keys($lines) as $index) {
            Secret::wipeString($lines[$index]);
        }
        return $isSet;
    }

    private static function setBody(\CurlHandle $handle, #[\SensitiveParameter] Outgoing $outgoing): bool
    {
        if ($outgoing->body instanceof Upload) {
            return self::setUpload($handle, $outgoing->method, $outgoing->body);
        }
        $body = $outgoing->body instanceof Secret ? $outgoing->body->expose() : $outgoing->body;
        if ($body === '' && $outgoing->method === 'HEAD') {
            return curl_setopt($handle, CURLOPT_NOBODY, true);
        }
        // RFC 9110 section 8.6: a method that expects a body says so when there is none.
        $hasBody = $body !== '' || in_array($outgoing->method, self::BODY_METHODS, true);
        return (!$hasBody || curl_setopt($handle, CURLOPT_POSTFIELDS, $body))
            && self::setText($handle, CURLOPT_CUSTOMREQUEST, $outgoing->method);
    }

    private static function setUpload(\CurlHandle $handle, string $method, Upload $upload): bool
    {
        return curl_setopt_array($handle, self::upload($upload)) && self::setText($handle, CURLOPT_CUSTOMREQUEST, $method);
    }

    /**
     * @return array<int, mixed>
     */
    private static function upload(Upload $upload): array
    {
        $length = $upload->length();
        return ($length === null ? [] : [CURLOPT_INFILESIZE => $length]) + [
            CURLOPT_UPLOAD => true,
            CURLOPT_READFUNCTION => static fn (mixed $handle, mixed $file, int $max): string|int => $upload->read($max),
        ];
    }
}
