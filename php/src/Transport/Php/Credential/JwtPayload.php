<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * What is special in the payload of a signed token: what it says, and for how long.
 *
 * @internal
 */
final class JwtPayload
{
    private const ALGORITHMS = ['ES256', 'RS256', 'PS256'];

    /** Seconds that a token may be valid. The last minute is not used. */
    private const LIFETIME = [120, 3600];

    /** Claims with keys of their own in the payload, and those that are the library's. */
    private const OWN_CLAIMS = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'];

    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document, array $places, \Closure $value): void
    {
        foreach (['iss', 'sub', 'aud'] as $name) {
            if (!TokenPayload::isText($value($name, 'any'))) {
                throw new InvalidPayload('"' . $name . '" is empty or no text');
            }
        }
        if (!is_bool($value('exp', true))) {
            throw new InvalidPayload('"exp" is true or false');
        }
        SigningPayload::check($document, $places, $value, self::ALGORITHMS, ...self::LIFETIME);
        SigningPayload::checkAdded($document, $places, 'claims', self::OWN_CLAIMS, false);
        if (isset($places['exchange'])) {
            self::checkExchange($value('exchange', null));
        }
    }

    /**
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     */
    public static function exchangeUrl(\Closure $value): mixed
    {
        $exchange = $value('exchange', null);
        return $exchange instanceof \stdClass ? $exchange->url ?? '' : '';
    }

    /**
     * @throws InvalidPayload
     */
    private static function checkExchange(mixed $exchange): void
    {
        $keys = $exchange instanceof \stdClass ? array_keys((array) $exchange) : null;
        if ($keys === null || array_diff($keys, ['url', 'body', 'token']) !== []) {
            throw new InvalidPayload('"exchange" is an object with "url", and perhaps "body" and "token"');
        }
        if (in_array('body', $keys, true) && !$exchange->body instanceof \stdClass) {
            throw new InvalidPayload('"exchange.body" is no JSON object');
        }
        if (in_array('token', $keys, true) && !TokenPayload::isText($exchange->token)) {
            throw new InvalidPayload('"exchange.token" is empty or no text');
        }
    }
}
