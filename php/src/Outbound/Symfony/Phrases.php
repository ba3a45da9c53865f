<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

/**
 * The usual reason phrases (RFC 9110 section 15), for the status lines of the info "response_headers". What a server wrote there is not
 * kept, and HTTP/2 has none.
 *
 * @internal
 */
final class Phrases
{
    private const PHRASES = [
        200 => 'OK', 201 => 'Created', 202 => 'Accepted', 204 => 'No Content', 206 => 'Partial Content',
        301 => 'Moved Permanently', 302 => 'Found', 303 => 'See Other', 304 => 'Not Modified',
        307 => 'Temporary Redirect', 308 => 'Permanent Redirect',
        400 => 'Bad Request', 401 => 'Unauthorized', 403 => 'Forbidden', 404 => 'Not Found', 405 => 'Method Not Allowed',
        409 => 'Conflict', 410 => 'Gone', 412 => 'Precondition Failed', 415 => 'Unsupported Media Type',
        422 => 'Unprocessable Content', 429 => 'Too Many Requests',
        500 => 'Internal Server Error', 502 => 'Bad Gateway', 503 => 'Service Unavailable', 504 => 'Gateway Timeout',
    ];

    /** With its space in front; empty if there is none. */
    public static function of(int $status): string
    {
        return isset(self::PHRASES[$status]) ? ' ' . self::PHRASES[$status] : '';
    }
}
