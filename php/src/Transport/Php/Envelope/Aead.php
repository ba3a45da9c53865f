<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Envelope;

use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * One layer of an envelope: authenticated decryption in libsodium's layout, with the tag after the ciphertext.
 *
 * libsodium has AES-256-GCM on processors with AES instructions only; OpenSSL has it everywhere.
 *
 * @internal
 */
final readonly class Aead
{
    public const SODIUM = 'sodium';
    public const OPENSSL = 'openssl';

    private ?string $xChaCha20;

    private ?string $aesGcm;

    /**
     * @param list<string> $extensions that may be used, SODIUM and OPENSSL; missing ones are not used
     */
    public function __construct(array $extensions = [self::SODIUM, self::OPENSSL])
    {
        $sodium = in_array(self::SODIUM, $extensions, true) && extension_loaded('sodium');
        $openssl = in_array(self::OPENSSL, $extensions, true) && extension_loaded('openssl');
        $this->xChaCha20 = $sodium ? self::SODIUM : null;
        $this->aesGcm = match (true) {
            $sodium && sodium_crypto_aead_aes256gcm_is_available() => self::SODIUM,
            $openssl => self::OPENSSL,
            default => null,
        };
    }

    public function supports(Algorithm $algorithm): bool
    {
        return $this->extensionFor($algorithm) !== null;
    }

    /** The extension that opens it here, or null. */
    public function extensionFor(Algorithm $algorithm): ?string
    {
        return match ($algorithm) {
            Algorithm::XChaCha20Poly1305 => $this->xChaCha20,
            Algorithm::Aes256Gcm => $this->aesGcm,
        };
    }

    /**
     * Decrypts one layer. Null if the tag does not match, and also for a key or nonce of the wrong length.
     */
    public function open(
        Algorithm $algorithm,
        #[\SensitiveParameter] Secret $key,
        string $nonce,
        string $associatedData,
        string $sealed,
    ): ?Secret {
        $tagAt = strlen($sealed) - Algorithm::TAG_BYTES;
        if (
            strlen($key->expose()) !== Algorithm::KEY_BYTES
            || strlen($nonce) !== $algorithm->nonceBytes()
            || $tagAt < 0
        ) {
            return null;
        }
        $opened = match ([$algorithm, $this->extensionFor($algorithm)]) {
            [Algorithm::XChaCha20Poly1305, self::SODIUM] => sodium_crypto_aead_xchacha20poly1305_ietf_decrypt(
                $sealed,
                $associatedData,
                $nonce,
                $key->expose(),
            ),
            [Algorithm::Aes256Gcm, self::SODIUM] => sodium_crypto_aead_aes256gcm_decrypt(
                $sealed,
                $associatedData,
                $nonce,
                $key->expose(),
            ),
            [Algorithm::Aes256Gcm, self::OPENSSL] => openssl_decrypt(
                substr($sealed, 0, $tagAt),
                'aes-256-gcm',
                $key->expose(),
                OPENSSL_RAW_DATA,
                $nonce,
                substr($sealed, $tagAt),
                $associatedData,
            ),
            default => throw new \LogicException('the algorithm is not supported here'),
        };
        return is_string($opened) ? new Secret($opened) : null;
    }
}
