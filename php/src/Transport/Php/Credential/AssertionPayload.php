<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Secret\JsonScanner;

/**
 * What is special in the payload of a signed assertion: the key, what the assertion says, and that it is bound to hosts.
 *
 * @internal
 */
final class AssertionPayload
{
    private const ALGORITHMS = ['RS256', 'ES256'];

    private const LONGEST = 3600;

    /** Claims with keys of their own in the payload, and those that are the library's. */
    private const OWN_CLAIMS = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti', 'target_audience'];

    /** Form fields that the token request has by itself. */
    private const OWN_FIELDS = ['grant_type', 'assertion', 'scope'];

    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document, array $places, \Closure $value): void
    {
        foreach (['iss', 'sub', 'assertion_audience', 'kid', 'target_audience'] as $name) {
            if (!TokenPayload::isText($value($name, 'any'))) {
                throw new InvalidPayload('"' . $name . '" is empty or no text');
            }
        }
        $algorithm = $value('alg', null);
        if (!is_string($algorithm) || !in_array($algorithm, self::ALGORITHMS, true)) {
            throw new InvalidPayload('"alg" is one of ' . implode(', ', self::ALGORITHMS));
        }
        PrivateKey::check(Payload::text($document, $places, 'private_key'), $algorithm);
        $lifetime = isset($places['lifetime']) ? substr($document, ...$places['lifetime']) : '1';
        if (preg_match('/\A[1-9][0-9]{0,3}\z/', $lifetime) !== 1 || (int) $lifetime > self::LONGEST) {
            throw new InvalidPayload('"lifetime" is no whole number of seconds from 1 to ' . self::LONGEST);
        }
        if (isset($places['claims'])) {
            self::checkAdded('claims', substr($document, ...$places['claims']), self::OWN_CLAIMS, false);
        }
        if (isset($places['fields'])) {
            self::checkAdded('fields', substr($document, ...$places['fields']), self::OWN_FIELDS, true);
        }
        $binding = isset($places['binding']) ? json_decode(substr($document, ...$places['binding'])) : null;
        if (!$binding instanceof \stdClass || !isset($binding->hosts)) {
            throw new InvalidPayload('a payload of type oauth2_jwt_bearer needs "binding.hosts"');
        }
    }

    /**
     * @param list<string> $own names that the library fills
     * @throws InvalidPayload
     */
    private static function checkAdded(string $name, #[\SensitiveParameter] string $json, array $own, bool $isText): void
    {
        $count = 0;
        $fault = null;
        $isObject = (new JsonScanner($json))->members(
            ['', ...$own],
            static function (?string $key, int $offset, int $length) use ($json, $isText, &$count, &$fault): void {
                $count++;
                if ($key !== null) {
                    $fault = $key === '' ? 'has a key that is empty' : 'has "' . $key . '", which is not for it to say';
                } elseif ($isText && JsonScanner::text($json, $offset, $length) === null) {
                    $fault = 'has a value that is no text';
                }
            },
        );
        if (!$isObject) {
            throw new InvalidPayload('"' . $name . '" is no JSON object');
        }
        // json_decode() keeps the last of two.
        $fault ??= $count === count((array) json_decode($json, true)) ? null : 'has a key twice';
        if ($fault !== null) {
            throw new InvalidPayload('"' . $name . '" ' . $fault);
        }
    }
}
