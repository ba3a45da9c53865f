<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Envelope;

/**
 * The algorithms that an envelope can name.
 *
 * @internal
 */
enum Algorithm: string
{
    /** Bytes of a key, for both. */
    public const KEY_BYTES = 32;

    /** Bytes that a ciphertext is longer than its plaintext, for both. */
    public const TAG_BYTES = 16;

    case XChaCha20Poly1305 = 'xchacha20poly1305';
    case Aes256Gcm = 'aes256gcm';

    /**
     * @return int<1, max>
     */
    public function nonceBytes(): int
    {
        return match ($this) {
            self::XChaCha20Poly1305 => 24,
            self::Aes256Gcm => 12,
        };
    }

    /** The algorithm whose nonces have this length: all that an envelope of version 1 says about its algorithm. */
    public static function ofNonceBytes(int $length): ?self
    {
        foreach (self::cases() as $algorithm) {
            if ($algorithm->nonceBytes() === $length) {
                return $algorithm;
            }
        }
        return null;
    }
}
