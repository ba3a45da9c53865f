<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * Where a transport does something else than the contract says: the one list, which docs/transports.md shows. The case
 * that meets a deviation asserts what the transport does instead; none is skipped.
 */
final class Deviations
{
    /** Id => names of the transports, and what they do instead. */
    public const LIST = [
        'connection-reuse' => [
            'transports' => [Transports::PHP],
            'instead' => 'Every request opens a connection of its own, and `connection_reused` is false.',
        ],
        'tls-version' => [
            'transports' => [Transports::PHP],
            'instead' => '`tls_version` in the audit record is null: ext-curl does not tell it.',
        ],
        'codings' => [
            'transports' => [Transports::PHP],
            'instead' => '`gzip` is the only content coding: it is asked for alone, and an answer in `br` or `zstd` is '
                . '`response.decoding_failed`. PHP has no decoder of the others that can be stopped at a cap.',
        ],
        'common-name' => [
            'transports' => [Transports::PHP],
            'instead' => 'A certificate without any alternative name is taken by its common name, as OpenSSL does.',
        ],
        'close-notify' => [
            'transports' => [Transports::PHP],
            'instead' => 'A body over TLS that ends by closing counts as whole without close_notify: OpenSSL does not '
                . 'tell ext-curl.',
        ],
        'resend' => [
            'transports' => [Transports::PHP],
            'instead' => 'A GET, HEAD or OPTIONS whose connection closed before any byte of an answer is not sent again.',
        ],
        'http2-refusal' => [
            'transports' => [Transports::PHP],
            'instead' => 'What an HTTP/2 server refused unprocessed (REFUSED_STREAM, GOAWAY) is not sent again, and '
                . '`sent` is `maybe`: ext-curl does not tell the frame.',
        ],
    ];
}
