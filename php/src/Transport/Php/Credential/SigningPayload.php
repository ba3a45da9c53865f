<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

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
     * @param int $longest seconds that an assertion may be valid
     * @throws InvalidPayload
     */
    public static function check(
        #[\SensitiveParameter] string $document,
        array $places,
        \Closure $value,
        array $algorithms,
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
        $lifetime = isset($places['lifetime']) ? substr($document, ...$places['lifetime']) : '1';
        if (preg_match('/\A[1-9][0-9]{0,3}\z/', $lifetime) !== 1 || (int) $lifetime > $longest) {
            throw new InvalidPayload('"lifetime" is no whole number of seconds from 1 to ' . $longest);
        }
        PayloadValues::demandHosts($document, $places, 'with a private key');
    }
}
