<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The form of a private key in PEM: its kind and its length, read from the DER itself, because the extension openssl may be missing.
 * Whether its numbers belong together the library finds out, which signs with it.
 *
 * @internal
 */
final class PrivateKey
{
    private const PKCS8 = 'PRIVATE KEY';
    private const PKCS1 = 'RSA PRIVATE KEY';
    private const SEC1 = 'EC PRIVATE KEY';

    /** Other blocks that are taken for such a key by mistake. A message names no other label: it would quote what is sealed. */
    private const MISTAKEN = [
        'CERTIFICATE', 'PUBLIC KEY', 'RSA PUBLIC KEY', 'EC PARAMETERS', 'DSA PRIVATE KEY', 'OPENSSH PRIVATE KEY',
    ];

    private const BITS = [2048, 8192];

    /**
     * @param string $algorithm RS256, PS256 or ES256
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] Secret $text, string $algorithm): void
    {
        [$label, $der] = self::block($text);
        $kind = $algorithm === 'ES256' ? PublicKey::P256 : PublicKey::RSA;
        if (self::publicPart($label, $der)?->kind !== $kind) {
            throw self::unusable($algorithm . ' needs a whole '
                . ($algorithm === 'ES256' ? 'key of the curve P-256' : 'RSA key of 2048 to 8192 bits'));
        }
    }

    /**
     * What of a key for TLS is no secret.
     *
     * @throws InvalidPayload
     */
    public static function ofTls(#[\SensitiveParameter] Secret $text): PublicKey
    {
        return self::publicPart(...self::block($text)) ?? throw self::unusable(
            'TLS needs a whole RSA key of 2048 to 8192 bits, or one of P-256, P-384, P-521 or Ed25519',
        );
    }

    /**
     * The label of the one block, and its bytes.
     *
     * @return array{string, string}
     * @throws InvalidPayload
     */
    private static function block(#[\SensitiveParameter] Secret $text): array
    {
        $form = '/\A\s*-----BEGIN ([^\r\n-]*)-----([^-]*)-----END \1-----\s*\z/';
        if (preg_match($form, $text->expose(), $found) !== 1) {
            throw self::unusable('it is not one block of PEM, from BEGIN to END');
        }
        [, $label, $body] = $found;
        if ($label === 'ENCRYPTED PRIVATE KEY' || str_contains($body, 'ENCRYPTED')) {
            throw self::unusable('it is encrypted: decrypt it before it is sealed');
        }
        if (!in_array($label, [self::PKCS8, self::PKCS1, self::SEC1], true)) {
            throw self::unusable('its block is '
                . (in_array($label, self::MISTAKEN, true) ? $label : 'a label that is not known')
                . ', and not one of ' . implode(', ', [self::PKCS8, self::PKCS1, self::SEC1]));
        }
        return [$label, Der::ofBase64($body) ?? throw self::unusable('its block holds no base64')];
    }

    private static function publicPart(string $label, #[\SensitiveParameter] string $der): ?PublicKey
    {
        if ($label !== self::PKCS8) {
            return $label === self::PKCS1 ? self::ofRsa($der) : self::ofCurve($der, null);
        }
        [, $rest] = Der::one(Der::all($der, Der::SEQUENCE), Der::INTEGER) ?? [null, null];
        [$algorithm, $rest] = Der::one($rest, Der::SEQUENCE) ?? [null, null];
        [$kind, $parameters] = Der::one($algorithm, Der::IDENTIFIER) ?? [null, null];
        $key = Der::one($rest, Der::OCTETS)[0] ?? '';
        return match ($kind) {
            PublicKey::RSA => self::ofRsa($key),
            PublicKey::OF_CURVES => self::ofCurve($key, Der::one($parameters, Der::IDENTIFIER)[0] ?? ''),
            PublicKey::ED25519 => strlen((string) Der::all($key, Der::OCTETS)) === 32 ? new PublicKey($kind, null) : null,
            default => null,
        };
    }

    private static function ofRsa(#[\SensitiveParameter] string $der): ?PublicKey
    {
        $numbers = Der::all($der, Der::SEQUENCE);
        // The version, the modulus, and seven numbers more.
        [$count, $modulus] = [0, ''];
        while ($numbers !== null && $numbers !== '') {
            [$number, $numbers] = Der::one($numbers, Der::INTEGER) ?? ['', null];
            $modulus = $count++ === 1 ? ltrim($number, "\0") : $modulus;
        }
        $bits = $modulus === '' ? 0 : 8 * (strlen($modulus) - 1) + strlen(sprintf('%b', ord($modulus[0])));
        $isWhole = $numbers === '' && $count === 9 && $bits >= self::BITS[0] && $bits <= self::BITS[1];
        return $isWhole ? new PublicKey(PublicKey::RSA, $modulus) : null;
    }

    /**
     * @param string|null $curve that PKCS#8 says, or null if it is not PKCS#8
     */
    private static function ofCurve(#[\SensitiveParameter] string $der, ?string $curve): ?PublicKey
    {
        [$version, $parts] = Der::one(Der::all($der, Der::SEQUENCE), Der::INTEGER) ?? [null, null];
        [$number, $parts] = Der::one($parts, Der::OCTETS) ?? [null, null];
        [$parameters, $rest] = Der::one($parts, Der::FIRST) ?? [null, $parts];
        $own = Der::one($parameters, Der::IDENTIFIER)[0] ?? null;
        $point = Der::all(Der::one($rest, Der::SECOND)[0] ?? null, Der::BITS);
        $curve ??= (string) $own;
        $isWhole = $version === "\x01" && ($own === null || $own === $curve)
            && strlen((string) $number) === (PublicKey::CURVES[$curve] ?? -1);
        return $isWhole ? new PublicKey($curve, $point === null ? null : substr($point, 1)) : null;
    }

    private static function unusable(string $why): InvalidPayload
    {
        return new InvalidPayload('the private key cannot be used: ' . $why);
    }
}
