<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * The only list of the points in which a transport deviates from the contract; docs/transports.md shows it. A case with a deviation is
 * never skipped: it asserts what the transport does instead.
 */
final class Deviations
{
    /** Id => names of the transports, and what they do instead, as the page says it. */
    public const LIST = [
        'resolver-timeout' => [
            'transports' => [Transports::PHP],
            'instead' => 'Resolving takes as long as the system lets it, whatever `timeout_ms` and `connect_timeout_ms` say: '
                . 'PHP\'s resolver takes no timeout. What it then says counts, such as `dns.failed`.',
        ],
        'connection-reuse' => [
            'transports' => [Transports::PHP],
            'instead' => 'Every request opens a connection of its own, and `connection_reused` is false.',
        ],
        'tls-version' => [
            'transports' => [Transports::PHP],
            'instead' => '`tls_version` in the audit record is null: ext-curl does not tell it.',
        ],
        'unicode' => [
            'transports' => [Transports::PHP],
            'instead' => 'A host name with characters that are newer than the Unicode of PHP\'s intl, or whose mapping has changed since, is '
                . '`invalid_request.malformed`.',
        ],
        'codings' => [
            'transports' => [Transports::PHP],
            'instead' => '`gzip` and `deflate` are the only content codings: `gzip` is asked for alone, and a response in `br` or `zstd` is '
                . '`response.decoding_failed`. PHP has no decoder of the others that can be stopped at a cap. `deflate` without zlib\'s '
                . 'format that repeats what was never there is `response.decoding_failed`; the library reads zeros there.',
        ],
        'common-name' => [
            'transports' => [Transports::PHP],
            'instead' => 'A certificate that has neither a DNS name nor an address among its alternative names is taken by its common '
                . 'name, as OpenSSL does.',
        ],
        'key-usage' => [
            'transports' => [Transports::PHP],
            'instead' => 'A certificate whose `keyUsage` or `nsCertType` is for something else than a server is refused, as OpenSSL does.',
        ],
        'serial-number' => [
            'transports' => [Transports::PHP],
            'instead' => 'A certificate in `tls.ca_file` whose serial number is longer than the 20 octets of RFC 5280 is taken; with the '
                . 'library the configuration is `configuration.invalid`.',
        ],
        'post-quantum' => [
            'transports' => [Transports::PHP],
            'instead' => 'Post-quantum key exchange is offered where PHP\'s OpenSSL has it, which is from 3.5 on; '
                . '`tls.post_quantum: false` leaves it out.',
        ],
        'address-turns' => [
            'transports' => [Transports::PHP],
            'instead' => 'Of the addresses of a name one of each family is tried at a time, the second of them 200 ms later, and '
                . 'every such pair has an equal share of `connect_timeout_ms`, TLS included.',
        ],
        'key-exchange' => [
            'transports' => [Transports::PHP],
            'instead' => 'A server that has no other group for the key exchange than P-521, X448 or one of finite fields is agreed with. '
                . 'Naming the groups would take the post-quantum ones from a newer OpenSSL.',
        ],
        'authority-as-server' => [
            'transports' => [Transports::PHP],
            'instead' => 'A server may show an authority\'s certificate (`CA:TRUE`) that a trusted authority has issued, as OpenSSL '
                . 'lets it; the library takes such a one only where it is in `tls.ca_file` itself.',
        ],
        'open-basedir' => [
            'transports' => [Transports::PHP],
            'instead' => 'Under `open_basedir` the files of the configuration have to lie within it. The system\'s trust anchors '
                . 'count without that by `roots: system`, as libcurl knows where they are; `system+file` is '
                . '`configuration.transport_unavailable` where they are hidden.',
        ],
        'revocation-lists' => [
            'transports' => [Transports::PHP],
            'instead' => 'With `tls.crl_file`, a certificate whose issuer has no list there, or is not among the trust anchors itself, '
                . 'is refused, and a list past its date is none: so OpenSSL checks them.',
        ],
        'close-notify' => [
            'transports' => [Transports::PHP],
            'instead' => 'With a libcurl older than 8.14.1, a body over TLS that ends by closing counts as whole without close_notify: it takes the '
                . 'one end for the other.',
        ],
        'status-line' => [
            'transports' => [Transports::PHP],
            'instead' => 'Where a response breaks within its head, the status line alone makes `sent: yes` with its '
                . '`http_status`; the library takes heads as a whole and says `maybe`.',
        ],
        'empty-line' => [
            'transports' => [Transports::PHP],
            'instead' => 'A response with an empty line before its status line is `protocol.invalid`: libcurl takes it for none.',
        ],
        'tunnel-status' => [
            'transports' => [Transports::PHP],
            'instead' => 'A proxy that responds to CONNECT with any status from 200 to 299 has opened a tunnel; for the library it is 200 alone.',
        ],
        'resend' => [
            'transports' => [Transports::PHP],
            'instead' => 'A GET, HEAD or OPTIONS whose connection closed before any byte of a response is not sent again.',
        ],
        'header-form' => [
            'transports' => [Transports::PHP],
            'instead' => 'Order and spelling of the header lines of HTTP/1.1 are those of libcurl; the fields are the same.',
        ],
        'http2' => [
            'transports' => [Transports::PHP],
            'instead' => 'With a libcurl older than 8.14.1, HTTP/1.1 alone is offered: it does not tell, or only at the deadline, that an HTTP/2 '
                . 'connection broke within a body of unknown length. What is said of HTTP/2 here is of later ones.',
        ],
        'http2-refusal' => [
            'transports' => [Transports::PHP],
            'instead' => 'What an HTTP/2 server handed back unprocessed is `sent: maybe`: ext-curl does not tell. libcurl '
                . 'itself asks again five times.',
        ],
        'http1-required' => [
            'transports' => [Transports::PHP],
            'instead' => 'After RST_STREAM with HTTP_1_1_REQUIRED libcurl itself asks once more by HTTP/1.1, whatever the '
                . 'method. GOAWAY with it is as any other, and where it leaves the request out, libcurl asks again by HTTP/2. '
                . 'The next call begins with HTTP/2 again.',
        ],
        'http2-violation' => [
            'transports' => [Transports::PHP],
            'instead' => 'Violations of HTTP/2 and heads far above the limit may be `protocol.closed_early` in place of '
                . '`protocol.invalid`; DATA beyond `content-length` is dropped.',
        ],
        'http2-floods' => [
            'transports' => [Transports::PHP],
            'instead' => 'Floods of small HTTP/2 frames, such as PING or empty DATA, may last until the deadline: libcurl has '
                . 'no limit for all of them.',
        ],
        'http2-no-error' => [
            'transports' => [Transports::PHP],
            'instead' => 'A stream of unknown length that RST_STREAM with NO_ERROR ends counts as whole.',
        ],
        'http2-early-response' => [
            'transports' => [Transports::PHP],
            'instead' => 'Where an HTTP/2 server responds before it has read the request, `bytes_out` holds up to 64 KiB that '
                . 'libcurl has not sent.',
        ],
        'http2-only' => [
            'transports' => [Transports::PHP],
            'instead' => 'Where `http_versions` has no `1.1`, the configuration is `configuration.invalid`, and the call where a policy '
                . 'leaves none is `configuration.transport_unavailable`: libcurl tells the version with the response, when the request '
                . 'has already reached a server without HTTP/2.',
        ],
        'unread-responses' => [
            'transports' => [Transports::PHP],
            'instead' => 'The body of a response that another attempt follows is not read, and does not count in `bytes_in`.',
        ],
        'breaker' => [
            'transports' => [Transports::PHP],
            'instead' => '`breaker` is read and does nothing: circuits are kept in the memory of the process, and PHP\'s ends with the request.',
        ],
        'memory' => [
            'transports' => [Transports::PHP],
            'instead' => 'The opened credential passes through the memory of PHP and libcurl, and nothing is claimed about '
                . 'what remains there. The audit record says so by `transport: php`.',
        ],
        'memory-limit' => [
            'transports' => [Transports::PHP, Transports::SIDECAR],
            'instead' => 'A response needs twice its size of what `memory_limit` leaves, for PHP copies it while it grows; else it is '
                . '`response.too_large`. With the library it needs its size.',
        ],
        'oauth' => [
            'transports' => [Transports::PHP],
            'instead' => 'A credential of type `oauth2_client_credentials`, `oauth2_jwt_bearer`, `oauth2_refresh_token` or `jwt` is '
                . '`credential.unsupported`: only the library fetches and keeps tokens. `token_cache` and `refresh_tokens` are read and '
                . 'do nothing.',
        ],
        'signing' => [
            'transports' => [Transports::PHP],
            'instead' => 'A credential of type `aws_sigv4` or `hmac` is `credential.unsupported`: only the library signs requests.',
        ],
        'client-certificates' => [
            'transports' => [Transports::PHP],
            'instead' => 'A credential of type `mtls` is `credential.unsupported`: only the library shows client certificates.',
        ],
        'check' => [
            'transports' => [Transports::SIDECAR],
            'instead' => 'A credential is not tested without a call: no verb of the daemon returns, lists or tests one.',
        ],
        'registry' => [
            'transports' => [Transports::SIDECAR],
            'instead' => 'A service has a valid id, `base_url` and a policy with methods, or the daemon does not take its configuration: `configuration.invalid`, when it is read and not by a call.',
        ],
        'identifier' => [
            'transports' => [Transports::SIDECAR],
            'instead' => 'The identifier of an envelope is a plain name of a file; of any other one the envelope is `credential.not_found`.',
        ],
        'idle-pause' => [
            'transports' => [Transports::SIDECAR],
            'instead' => 'A pause of the caller counts for `idle_timeout_ms` where the server is silent meanwhile: the daemon waits for it. What nobody reads does not.',
        ],
        'material' => [
            'transports' => [Transports::SIDECAR],
            'instead' => '`master_keys` with `material`, a closure of PHP, are none: the daemon has its keys from its own configuration, file or environment.',
        ],
    ];
}
