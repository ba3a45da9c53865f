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

    private const INTEGER = 0x02;
    private const OCTETS = 0x04;
    private const IDENTIFIER = 0x06;
    private const SEQUENCE = 0x30;
    private const PARAMETERS = 0xA0;

    private const OF_RSA = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01";
    private const OF_CURVES = "\x2A\x86\x48\xCE\x3D\x02\x01";
    private const P256 = "\x2A\x86\x48\xCE\x3D\x03\x01\x07";

    private const BITS = [2048, 8192];

    /**
     * @param string $algorithm RS256, PS256 or ES256
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] Secret $text, string $algorithm): void
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
        $der = base64_decode((string) preg_replace('/[ \t\r\n\f]/', '', $body), true);
        if ($der === false || $der === '') {
            throw self::unusable('its block holds no base64');
        }
        $isFit = $algorithm === 'ES256' ? self::isP256($label, $der) : self::isRsa($label, $der);
        if (!$isFit) {
            throw self::unusable($algorithm . ' needs a whole '
                . ($algorithm === 'ES256' ? 'key of the curve P-256' : 'RSA key of 2048 to 8192 bits'));
        }
    }

    private static function isRsa(string $label, #[\SensitiveParameter] string $der): bool
    {
        $der = $label === self::PKCS8 ? self::inside($der, self::OF_RSA, null) : $der;
        $numbers = $label === self::SEC1 || $der === null ? null : self::all($der, self::SEQUENCE);
        // The version, the modulus, and seven numbers more.
        [$count, $bits] = [0, 0];
        while ($numbers !== null && $numbers !== '') {
            [$number, $numbers] = self::one($numbers, self::INTEGER) ?? ['', null];
            if ($count++ === 1) {
                $digits = ltrim($number, "\0");
                $bits = $digits === '' ? 0 : 8 * (strlen($digits) - 1) + strlen(sprintf('%b', ord($digits[0])));
            }
        }
        return $numbers === '' && $count === 9 && $bits >= self::BITS[0] && $bits <= self::BITS[1];
    }

    private static function isP256(string $label, #[\SensitiveParameter] string $der): bool
    {
        $der = $label === self::PKCS8 ? self::inside($der, self::OF_CURVES, self::P256) : $der;
        $parts = $label === self::PKCS1 || $der === null ? null : self::all($der, self::SEQUENCE);
        [$version, $parts] = self::one($parts, self::INTEGER) ?? [null, null];
        [$number, $parts] = self::one($parts, self::OCTETS) ?? [null, null];
        $curve = self::one(self::one($parts, self::PARAMETERS)[0] ?? null, self::IDENTIFIER)[0] ?? null;
        return $version === "\x01" && strlen((string) $number) === 32
            && ($curve === self::P256 || ($curve === null && $label === self::PKCS8));
    }

    /** The key inside PKCS#8, if it is of this kind. */
    private static function inside(#[\SensitiveParameter] string $der, string $kind, ?string $curve): ?string
    {
        [, $rest] = self::one(self::all($der, self::SEQUENCE), self::INTEGER) ?? [null, null];
        [$algorithm, $rest] = self::one($rest, self::SEQUENCE) ?? [null, null];
        [$found, $parameters] = self::one($algorithm, self::IDENTIFIER) ?? [null, null];
        $isKind = $found === $kind
            && ($curve === null || (self::one($parameters, self::IDENTIFIER)[0] ?? null) === $curve);
        return $isKind ? self::one($rest, self::OCTETS)[0] ?? null : null;
    }

    /** The contents of an element with nothing behind it. */
    private static function all(#[\SensitiveParameter] string $der, int $tag): ?string
    {
        [$contents, $rest] = self::one($der, $tag) ?? [null, null];
        return $rest === '' ? $contents : null;
    }

    /**
     * The contents of the element that comes first, and what is behind it.
     *
     * @return array{string, string}|null
     */
    private static function one(#[\SensitiveParameter] ?string $der, int $tag): ?array
    {
        if ($der === null || strlen($der) < 2 || ord($der[0]) !== $tag) {
            return null;
        }
        [$length, $start] = [ord($der[1]), 2];
        if ($length >= 0x80) {
            // Two bytes of length are enough for the longest key.
            $digits = substr($der, 2, $length & 0x7F);
            if (strlen($digits) !== ($length & 0x7F) || strlen($digits) < 1 || strlen($digits) > 2) {
                return null;
            }
            $start += strlen($digits);
            $length = (int) hexdec(bin2hex($digits));
        }
        $contents = substr($der, $start, $length);
        return strlen($contents) === $length ? [$contents, substr($der, $start + $length)] : null;
    }

    private static function unusable(string $why): InvalidPayload
    {
        return new InvalidPayload('the private key cannot be used: ' . $why);
    }
}
