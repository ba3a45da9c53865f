<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

/**
 * What of a key is no secret: its kind, and the numbers by which the certificate of one is known.
 *
 * @internal
 */
final readonly class PublicKey
{
    public const RSA = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01";
    public const ED25519 = "\x2B\x65\x70";
    public const OF_CURVES = "\x2A\x86\x48\xCE\x3D\x02\x01";
    public const P256 = "\x2A\x86\x48\xCE\x3D\x03\x01\x07";
    public const P384 = "\x2B\x81\x04\x00\x22";
    public const P521 = "\x2B\x81\x04\x00\x23";

    /** Curve => bytes of its numbers. */
    public const CURVES = [self::P256 => 32, self::P384 => 48, self::P521 => 66];

    /**
     * @param string $kind RSA, ED25519 or the identifier of a curve
     * @param string|null $numbers the modulus without leading zeros, or the point; null if it is not known
     */
    public function __construct(public string $kind, public ?string $numbers)
    {
    }

    /** Reads a SubjectPublicKeyInfo, without its own head (RFC 5280 section 4.1). */
    public static function read(string $info): ?self
    {
        [$algorithm, $rest] = Der::one($info, Der::SEQUENCE) ?? [null, null];
        [$kind, $parameters] = Der::one($algorithm, Der::IDENTIFIER) ?? [null, null];
        $bits = Der::all($rest, Der::BITS);
        if ($bits === null || $kind === null) {
            return null;
        }
        // The first byte says how many of the last one are no bits of the key.
        $key = substr($bits, 1);
        return match ($kind) {
            self::RSA => new self($kind, self::modulus(Der::all($key, Der::SEQUENCE))),
            self::OF_CURVES => new self((string) Der::all($parameters, Der::IDENTIFIER), $key),
            default => new self($kind, $key),
        };
    }

    /** Whether it may be the same. */
    public function fits(self $other): bool
    {
        return $this->kind === $other->kind
            && ($this->numbers === null || $other->numbers === null || $this->numbers === $other->numbers);
    }

    private static function modulus(?string $numbers): ?string
    {
        $number = Der::one($numbers, Der::INTEGER)[0] ?? null;
        return $number === null ? null : ltrim($number, "\0");
    }
}
