<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * A client's certificates in PEM: the key's own first, and behind each the one of its issuer. Read from the DER itself, because the
 * extension openssl may be missing.
 *
 * @internal
 */
final readonly class CertificateChain
{
    private const VERSION_3 = "\x02\x01\x02";

    /**
     * @param int $expiresAt when the first one expires, in Unix seconds
     */
    private function __construct(public int $expiresAt)
    {
    }

    /**
     * @throws InvalidPayload
     */
    public static function check(string $text, PublicKey $key): self
    {
        $first = $issuer = null;
        foreach (self::blocks($text) as $index => $der) {
            $number = $index + 1;
            $parts = self::parts($der)
                ?? throw self::unusable('its certificate ' . $number . ' cannot be read, or is no X.509 of version 3');
            if ($issuer !== null && $issuer !== $parts['subject']) {
                throw self::unusable('certificate ' . $number . ' is not of the issuer of the one before it: the key\'s own '
                    . 'certificate comes first, and then each time that of its issuer');
            }
            $issuer = $parts['issuer'];
            $first ??= $parts;
        }
        $public = PublicKey::read($first['key'] ?? '');
        if ($first === null || $public === null || !$key->fits($public)) {
            throw self::unusable('its first certificate is not that of "private_key"');
        }
        return new self($first['expires']);
    }

    /**
     * @return list<string> DER
     * @throws InvalidPayload
     */
    private static function blocks(string $text): array
    {
        preg_match_all('/^-----BEGIN CERTIFICATE-----\s*$([^-]*)^-----END CERTIFICATE-----\s*$/m', $text, $found);
        $blocks = array_map(Der::ofBase64(...), $found[1]);
        if ($blocks === [] || count($blocks) !== substr_count($text, '-----BEGIN ')) {
            throw self::unusable('it has a block that is no certificate, or none at all');
        }
        return in_array(null, $blocks, true) ? throw self::unusable('a block holds no base64') : $blocks;
    }

    /**
     * Issuer, subject, end and key of a certificate (RFC 5280 section 4.1).
     *
     * @return array{issuer: string, subject: string, expires: int, key: string}|null
     */
    private static function parts(?string $der): ?array
    {
        $fields = Der::one(Der::all($der, Der::SEQUENCE), Der::SEQUENCE)[0] ?? null;
        [$version, $rest] = Der::one($fields, Der::FIRST) ?? [null, null];
        [, $rest] = Der::one($rest, Der::INTEGER) ?? [null, null];
        [, $rest] = Der::one($rest, Der::SEQUENCE) ?? [null, null];
        [$issuer, $rest] = Der::one($rest, Der::SEQUENCE) ?? [null, null];
        [$validity, $rest] = Der::one($rest, Der::SEQUENCE) ?? [null, null];
        [$subject, $rest] = Der::one($rest, Der::SEQUENCE) ?? [null, null];
        $key = Der::one($rest, Der::SEQUENCE)[0] ?? null;
        $expires = self::end($validity);
        return $version === self::VERSION_3 && $issuer !== null && $subject !== null && $key !== null && $expires !== null
            ? ['issuer' => $issuer, 'subject' => $subject, 'expires' => $expires, 'key' => $key]
            : null;
    }

    private static function end(?string $validity): ?int
    {
        [, $rest] = Der::one($validity, Der::UTC_TIME) ?? Der::one($validity, Der::GENERALIZED_TIME) ?? [null, null];
        $short = Der::all($rest, Der::UTC_TIME);
        // RFC 5280 section 4.1.2.5.1: two digits are a year from 1950 to 2049.
        $text = $short === null ? Der::all($rest, Der::GENERALIZED_TIME) : ($short < '50' ? '20' : '19') . $short;
        $time = \DateTimeImmutable::createFromFormat('!YmdHis\Z', (string) $text, new \DateTimeZone('UTC'));
        return $time === false ? null : $time->getTimestamp();
    }

    private static function unusable(string $why): InvalidPayload
    {
        return new InvalidPayload('"certificate_chain" cannot be used: ' . $why);
    }
}
