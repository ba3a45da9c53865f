<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

/**
 * Elements of DER (X.690), as keys and certificates are made of them.
 *
 * @internal
 */
final class Der
{
    public const INTEGER = 0x02;
    public const BITS = 0x03;
    public const OCTETS = 0x04;
    public const IDENTIFIER = 0x06;
    public const UTC_TIME = 0x17;
    public const GENERALIZED_TIME = 0x18;
    public const SEQUENCE = 0x30;
    public const FIRST = 0xA0;
    public const SECOND = 0xA1;

    /** The contents of an element with nothing behind it. */
    public static function all(#[\SensitiveParameter] ?string $der, int $tag): ?string
    {
        [$contents, $rest] = self::one($der, $tag) ?? [null, null];
        return $rest === '' ? $contents : null;
    }

    /**
     * The contents of the element that comes first, and what is behind it.
     *
     * @return array{string, string}|null
     */
    public static function one(#[\SensitiveParameter] ?string $der, int $tag): ?array
    {
        if ($der === null || strlen($der) < 2 || ord($der[0]) !== $tag) {
            return null;
        }
        [$length, $start] = [ord($der[1]), 2];
        if ($length >= 0x80) {
            // Two bytes of length are enough for the longest key and the longest certificate.
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

    /** The bytes of a block of PEM, or null if it holds no base64. */
    public static function ofBase64(#[\SensitiveParameter] string $body): ?string
    {
        $der = base64_decode((string) preg_replace('/[ \t\r\n\f]/', '', $body), true);
        return $der === false || $der === '' ? null : $der;
    }
}
