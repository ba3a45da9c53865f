<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Secret\JsonScanner;

/**
 * What payloads with a private key have in common: the key, how it signs, and that it is bound to hosts.
 *
 * @internal
 */
final class SigningPayload
{
    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @param list<string> $algorithms
     * @param int $shortest seconds that what is signed is valid at least
     * @param int $longest and at most
     * @throws InvalidPayload
     */
    public static function check(
        #[\SensitiveParameter] string $document,
        array $places,
        \Closure $value,
        array $algorithms,
        int $shortest,
        int $longest,
    ): void {
        foreach (['assertion_audience', 'kid'] as $name) {
            if (!TokenPayload::isText($value($name, 'any'))) {
                throw new InvalidPayload('"' . $name . '" is empty or no text');
            }
        }
        $digest = $value('x5t#S256', null);
        if (isset($places['x5t#S256']) && (!is_string($digest) || preg_match('/\A[A-Za-z0-9_-]{43}\z/', $digest) !== 1)) {
            throw new InvalidPayload('"x5t#S256" is no SHA-256 in base64url, 43 characters');
        }
        $algorithm = PayloadValues::oneOf('alg', $value('alg', null), $algorithms);
        PrivateKey::check(Payload::text($document, $places, 'private_key'), $algorithm);
        PayloadValues::checkLifetime($document, $places, $longest, $shortest);
        PayloadValues::demandHosts($document, $places, 'with a private key');
    }

    /**
     * Members with names of their own choice.
     *
     * @param array<string, array{int, int}> $places
     * @param list<string> $own names that the library fills
     * @throws InvalidPayload
     */
    public static function checkAdded(
        #[\SensitiveParameter] string $document,
        array $places,
        string $name,
        array $own,
        bool $isText,
    ): void {
        if (!isset($places[$name])) {
            return;
        }
        $json = substr($document, ...$places[$name]);
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
