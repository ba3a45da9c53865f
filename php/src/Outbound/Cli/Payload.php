<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

/**
 * Judges what is to be sealed as strictly as the library will when it opens it: then it is too late.
 *
 * @internal
 */
final class Payload
{
    /** Type => [keys that it needs, keys that it may have]. */
    private const TYPES = [
        'bearer' => [['token'], []],
        'api_key' => [['key'], ['header', 'prefix']],
        'basic' => [['username', 'password'], []],
        'oauth2_client_credentials' => [
            ['client_id', 'client_secret', 'token_url'],
            ['scopes', 'audience', 'resource', 'client_auth', 'token_type'],
        ],
        'secret' => [['secret', 'binding'], []],
    ];

    /** Keys whose value may be a list of texts: whether it may be one text instead, and the form of each. */
    private const TEXTS = [
        'scopes' => [false, '/\A[\x21\x23-\x5B\x5D-\x7E]+\z/'],
        'resource' => [true, '/\A[^\x00-\x1F\x7F]+\z/'],
    ];

    /** The token endpoint. Plain HTTP is for the internal hosts of the configuration. */
    private const TOKEN_URL = '~\Ahttps?://[^\s/?#@\\\\]+(?:[/?][^\s#\\\\]*)?\z~i';

    /** A name that does not belong to the connection or to the library. */
    private const HEADER = '/\A(?!(?:proxy-.*|accept-encoding|connection|content-length|expect|host|http2-settings'
        . "|keep-alive|te|trailer|transfer-encoding|upgrade)\z)[!#$%&'*+.^_`|~0-9A-Za-z-]+\z/i";

    private const BINDING = ['hosts', 'methods', 'paths', 'expires_at'];

    /** Lists of a binding: the form of an entry, and what it is called. */
    private const LISTS = [
        'hosts' => ['/\A(\*\.)?[^\s*\/@?#]+\z/', 'hosts'],
        'methods' => ['/\A[A-Z]+\z/', 'upper-case methods'],
        'paths' => ['/\A\/[^\s?#]*\z/', 'paths that begin with /'],
    ];

    /** RFC 3339, and nothing that only some readers take. */
    private const MOMENT = '/\A(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?'
        . '(Z|[+-]([01]\d|2[0-3]):[0-5]\d)\z/';

    /** Matches the keys of a JSON text that is known to be valid, and skips its other strings. */
    private const KEY = '/"(?:[^"\\\\]|\\\\.)*+"(?:\s*+:|(*SKIP)(*FAIL))/s';

    /**
     * A typed payload: a JSON object with "type", the type's keys and perhaps "binding".
     *
     * @return bool whether the binding names hosts
     * @throws UsageError
     */
    public static function check(#[\SensitiveParameter] string $json): bool
    {
        $payload = json_decode($json, false, 16, JSON_BIGINT_AS_STRING);
        if (!$payload instanceof \stdClass) {
            throw new UsageError('The payload is no JSON object. For a secret that is just its bytes: --plain.');
        }
        try {
            if (preg_match_all(self::KEY, $json) !== self::countKeys($payload)) {
                throw new UsageError('A key stands twice in the payload.');
            }
            self::checkFields($payload);
            return isset($payload->binding->hosts);
        } finally {
            self::wipe($payload);
        }
    }

    /**
     * A secret that is its bytes.
     *
     * @throws UsageError
     */
    public static function checkPlain(#[\SensitiveParameter] string $secret): void
    {
        if ($secret === '') {
            throw new UsageError('The secret is empty.');
        }
        $document = json_decode($secret);
        if (!$document instanceof \stdClass) {
            return;
        }
        // No transport takes these for a plain secret: the binding would not be looked at.
        $type = $document->type ?? null;
        $isTyped = is_string($type) && isset(self::TYPES[$type])
            && ($type !== 'secret' || property_exists($document, 'secret'));
        if (property_exists($document, 'binding') || $isTyped) {
            throw new UsageError('The secret is a typed payload: seal it without --plain.');
        }
    }

    private static function checkFields(\stdClass $payload): void
    {
        $type = $payload->type ?? null;
        if (!is_string($type) || !isset(self::TYPES[$type])) {
            throw new UsageError('"type" is one of ' . implode(', ', array_keys(self::TYPES)) . '.');
        }
        [$needed, $optional] = self::TYPES[$type];
        self::refuseOthers($payload, ['type', 'binding', ...$needed, ...$optional], 'The payload of type ' . $type);
        foreach ([...$needed, ...$optional] as $key) {
            if (!property_exists($payload, $key)) {
                if (in_array($key, $needed, true)) {
                    throw new UsageError('A payload of type ' . $type . ' needs "' . $key . '".'
                        . ($type === 'secret' ? ' For a secret that is just its bytes: --plain.' : ''));
                }
                continue;
            }
            if (isset(self::TEXTS[$key])) {
                self::checkTexts($key, $payload->$key);
                continue;
            }
            if ($type === 'secret') {
                // It may go into a body, so it may be any text.
                if ($key === 'secret' && (!is_string($payload->secret) || $payload->secret === '')) {
                    throw new UsageError('"secret" is no text, or is empty.');
                }
                continue;
            }
            // As bytes in a header: line breaks and other controls cannot stand there.
            if (!is_string($payload->$key) || preg_match('/[\x00-\x1F\x7F]/', $payload->$key) !== 0) {
                throw new UsageError('"' . $key . '" is no text without control characters.');
            }
        }
        match ($type) {
            'oauth2_client_credentials' => self::checkClient($payload),
            'secret' => null,
            default => self::checkPlaces($payload),
        };
        if (property_exists($payload, 'binding')) {
            self::checkBinding($payload->binding);
        }
    }

    /** What could not stand where the type puts it. */
    private static function checkPlaces(\stdClass $payload): void
    {
        $value = $payload->token ?? $payload->key ?? null;
        if ($value === '' || ($value === null && $payload->username . $payload->password === '')) {
            throw new UsageError('The secret is empty.');
        }
        if ($value !== null && trim($value, " \t") !== $value) {
            throw new UsageError('The secret begins or ends with a blank.');
        }
        if (isset($payload->header) && preg_match(self::HEADER, $payload->header) !== 1) {
            throw new UsageError('"header" is no name of a header, or that of one that no credential may fill.');
        }
        if (isset($payload->username) && str_contains($payload->username, ':')) {
            throw new UsageError('"username" holds a colon, which Basic cannot carry.');
        }
    }

    private static function checkTexts(string $key, mixed $value): void
    {
        [$single, $form] = self::TEXTS[$key];
        $texts = $single && is_string($value) ? [$value] : $value;
        $fits = static fn (mixed $text): bool => is_string($text) && preg_match($form, $text) === 1;
        if (!is_array($texts) || array_filter($texts, $fits) !== $texts) {
            throw new UsageError('"' . $key . '" is no list of texts as the token endpoint reads them.');
        }
    }

    private static function checkClient(\stdClass $payload): void
    {
        if ($payload->client_id === '' || $payload->client_secret === '') {
            throw new UsageError('The secret is empty.');
        }
        if (preg_match(self::TOKEN_URL, $payload->token_url) !== 1) {
            throw new UsageError('"token_url" is no absolute URL without user and fragment.');
        }
        if (($payload->audience ?? null) === '') {
            throw new UsageError('"audience" is empty.');
        }
        if (!in_array($payload->client_auth ?? 'body', ['body', 'basic'], true)) {
            throw new UsageError('"client_auth" is body or basic.');
        }
        if (preg_match('/\A[\x21-\x7E]*\z/', $payload->token_type ?? '') !== 1) {
            throw new UsageError('"token_type" is no name of a type, nor empty where the token endpoint gives none.');
        }
    }

    private static function checkBinding(mixed $binding): void
    {
        if (!$binding instanceof \stdClass) {
            throw new UsageError('"binding" is no object.');
        }
        self::refuseOthers($binding, self::BINDING, 'The binding');
        if ((array) $binding === []) {
            throw new UsageError('"binding" is empty and would bind nothing.');
        }
        foreach (array_keys(self::LISTS) as $key) {
            if (property_exists($binding, $key)) {
                self::checkList($key, $binding->$key);
            }
        }
        if (property_exists($binding, 'expires_at') && !self::isMoment($binding->expires_at)) {
            throw new UsageError('"binding.expires_at" is neither a time of RFC 3339 nor seconds since 1970.');
        }
    }

    private static function checkList(string $key, mixed $list): void
    {
        [$form, $what] = self::LISTS[$key];
        $fits = static fn (mixed $entry): bool => is_string($entry) && preg_match($form, $entry) === 1;
        if (!is_array($list) || $list === [] || array_filter($list, $fits) !== $list) {
            throw new UsageError('"binding.' . $key . '" is empty, which allows nothing, or no list of ' . $what . '.');
        }
    }

    private static function isMoment(mixed $moment): bool
    {
        if (is_int($moment)) {
            return $moment > 0;
        }
        return is_string($moment) && preg_match(self::MOMENT, $moment, $part) === 1
            && checkdate((int) $part[2], (int) $part[3], (int) $part[1]);
    }

    /**
     * @param list<string> $known
     */
    private static function refuseOthers(\stdClass $object, array $known, string $what): void
    {
        if (array_diff_key((array) $object, array_flip($known)) !== []) {
            throw new UsageError($what . ' has a key that is not one of ' . implode(', ', $known) . '.');
        }
    }

    private static function countKeys(mixed $value): int
    {
        if (!is_array($value) && !$value instanceof \stdClass) {
            return 0;
        }
        $own = $value instanceof \stdClass ? count((array) $value) : 0;
        return array_sum(array_map(self::countKeys(...), array_values((array) $value))) + $own;
    }

    private static function wipe(\stdClass $payload): void
    {
        foreach (array_keys((array) $payload) as $key) {
            if (is_string($payload->$key)) {
                sodium_memzero($payload->$key);
            }
        }
    }
}
