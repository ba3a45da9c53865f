<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Methods and header fields: their form, and which of them the caller may set.
 *
 * @internal
 */
final class HeaderRules
{
    public const AUTHORIZATION = 'authorization';

    /** The default field for an API key. */
    public const X_API_KEY = 'x-api-key';

    /** A token (RFC 9110 section 5.6.2). */
    private const TOKEN = '/\A[!#$%&\'*+.^_`|~0-9A-Za-z-]+\z/';

    /** The maximum length of a name, and the maximum number of different names, as in the library. */
    private const NAME_BYTES = 65535;
    private const NAMES = 24576;

    private const CONNECTION = [
        'host',
        'content-length',
        'transfer-encoding',
        'connection',
        'keep-alive',
        'te',
        'trailer',
        'upgrade',
        'expect',
        'accept-encoding',
        'http2-settings',
    ];

    /**
     * Reads a method: a token without lower-case letters.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function method(string $text): string
    {
        if (preg_match(self::TOKEN, $text) !== 1 || preg_match('/[a-z]/', $text) !== 0) {
            throw OutboundException::malformed('a method is not an upper-case token');
        }
        return $text;
    }

    /**
     * Refuses the methods that ask for a tunnel or for an echo of the request, credential included.
     *
     * @throws OutboundException policy.method_not_allowed
     */
    public static function checkMethod(string $method): void
    {
        if ($method === 'CONNECT' || $method === 'TRACE') {
            throw OutboundException::create('policy.method_not_allowed', 'CONNECT and TRACE are not allowed');
        }
    }

    /** The name in lower case; null for an invalid name. */
    public static function name(#[\SensitiveParameter] string $text): ?string
    {
        $sound = strlen($text) <= self::NAME_BYTES && preg_match(self::TOKEN, $text) === 1;
        return $sound ? strtolower($text) : null;
    }

    /** The name in lower case, if that field may carry a credential; otherwise null. */
    public static function settable(#[\SensitiveParameter] string $text): ?string
    {
        $name = self::name($text);
        return $name === null || self::isConnections($name) ? null : $name;
    }

    /**
     * The field for a request's idempotency key: that of the service, or the usual one.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function idempotency(?string $name): string
    {
        return self::settable($name ?? 'idempotency-key') ?? throw OutboundException::malformed(
            'idempotency_header is not a header name, or belongs to the connection',
        );
    }

    /**
     * Refuses fields for credentials: an idempotency key there would be taken for a credential, and a redirect removes these
     * fields.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function checkIdempotency(string $name): void
    {
        if ($name === self::AUTHORIZATION || $name === 'cookie') {
            throw OutboundException::malformed('idempotency_header may be neither authorization nor cookie');
        }
    }

    /**
     * Reads header fields. The white space around a value is not part of it (RFC 9110 section 5.5).
     *
     * @param list<array{string, string}> $fields a value is bytes
     * @return list<array{string, string}> names in lower case; fields of one name together, in their order
     * @throws OutboundException invalid_request.malformed
     */
    public static function read(#[\SensitiveParameter] array $fields): array
    {
        $values = [];
        foreach ($fields as [$text, $raw]) {
            // An invalid name may be a secret by mistake, so the message does not repeat it.
            $read = self::name($text) ?? throw OutboundException::malformed('a header name is not a token');
            // With the tilde, PHP does not turn a name like "1" into an integer.
            $name = '~' . $read;
            $value = trim($raw, " \t");
            if (preg_match('/[\x00-\x08\x0A-\x1F\x7F]/', $value) !== 0) {
                throw OutboundException::malformed(
                    "the value of the header \"$read\" holds a control character or one above U+00FF",
                );
            }
            if (count($values) >= self::NAMES) {
                throw OutboundException::malformed('there are too many headers');
            }
            $values[$name][] = $value;
        }
        $pairs = [];
        foreach ($values as $name => $ofName) {
            foreach ($ofName as $value) {
                $pairs[] = [substr($name, 1), $value];
            }
        }
        return $pairs;
    }

    /**
     * Refuses fields that belong to the connection, or that the library fills for this request.
     *
     * @param list<array{string, string}> $headers names in lower case
     * @param list<string> $taken names in lower case
     * @throws OutboundException policy.header_not_allowed
     */
    public static function check(#[\SensitiveParameter] array $headers, array $taken): void
    {
        $names = array_column($headers, 0);
        foreach (array_filter($names, self::isConnections(...)) as $name) {
            throw self::notAllowed("the header \"$name\" is not the caller's to set");
        }
        foreach (array_intersect($names, $taken) as $name) {
            throw self::notAllowed(
                "the request sets the header \"$name\", which a credential or the idempotency key fills",
            );
        }
    }

    /** The refusal of a caller's field that a credential fills. */
    public static function filledByCredential(string $name): OutboundException
    {
        return self::notAllowed("the request sets the header \"$name\", which it fills");
    }

    /** The refusal of an idempotency key in a field that carries a credential. */
    public static function filledWithKey(string $name): OutboundException
    {
        return OutboundException::create(
            'credential.placement_conflict',
            "the idempotency key goes into the header \"$name\", which a credential fills",
        );
    }

    private static function notAllowed(string $message): OutboundException
    {
        return OutboundException::create('policy.header_not_allowed', $message);
    }

    /** Whether a field belongs to the connection, so that neither the caller nor a credential may fill it. */
    public static function isConnections(string $name): bool
    {
        return in_array($name, self::CONNECTION, true) || str_starts_with($name, 'proxy-');
    }
}
