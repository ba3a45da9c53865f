<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

/**
 * Makes nr-vault's envelope, "nrv1:…", encryption version 2: the payload under a key of its own, that key under the
 * master key, the identifier as associated data of both.
 *
 * @internal
 */
final class Envelope
{
    public const XCHACHA20 = 'xchacha20poly1305';
    public const AES_GCM = 'aes256gcm';

    /**
     * @throws UsageError for an algorithm that this machine does not have
     */
    public static function seal(
        MasterKey $masterKey,
        string $identifier,
        #[\SensitiveParameter] string $payload,
        string $algorithm = self::XCHACHA20,
    ): string {
        self::check($algorithm);
        $dataKey = random_bytes(MasterKey::LENGTH);
        $keyNonce = random_bytes(self::nonceLength($algorithm));
        $valueNonce = random_bytes(self::nonceLength($algorithm));
        $value = self::encrypt($algorithm, $payload, $identifier, $valueNonce, $dataKey);
        $wrapped = $masterKey->use(
            static fn (#[\SensitiveParameter] string $key): string
                => self::encrypt($algorithm, $dataKey, $identifier, $keyNonce, $key),
        );
        $checksumKey = hash_hkdf('sha256', $dataKey, 32, 'nr-vault-checksum');
        sodium_memzero($dataKey);
        return 'nrv1:' . base64_encode((string) json_encode([
            'encrypted_value' => base64_encode($value),
            'encrypted_dek' => base64_encode($wrapped),
            'dek_nonce' => base64_encode($keyNonce),
            'value_nonce' => base64_encode($valueNonce),
            'value_checksum' => hash_hmac('sha256', $value, $checksumKey),
            'encryption_version' => 2,
            'encryption_algorithm' => $algorithm,
        ]));
    }

    /**
     * @throws UsageError
     */
    public static function check(string $algorithm): void
    {
        if (!in_array($algorithm, [self::XCHACHA20, self::AES_GCM], true)) {
            throw new UsageError('--algorithm is ' . self::XCHACHA20 . ' or ' . self::AES_GCM . '.');
        }
        if (!extension_loaded('sodium')) {
            throw new UsageError('Sealing needs the extension sodium.');
        }
        if ($algorithm === self::AES_GCM && !sodium_crypto_aead_aes256gcm_is_available()) {
            throw new UsageError('This CPU has no AES instructions, which sodium needs for ' . $algorithm . '.');
        }
    }

    private static function nonceLength(string $algorithm): int
    {
        return $algorithm === self::AES_GCM
            ? SODIUM_CRYPTO_AEAD_AES256GCM_NPUBBYTES
            : SODIUM_CRYPTO_AEAD_XCHACHA20POLY1305_IETF_NPUBBYTES;
    }

    private static function encrypt(
        string $algorithm,
        #[\SensitiveParameter] string $text,
        string $identifier,
        string $nonce,
        #[\SensitiveParameter] string $key,
    ): string {
        return $algorithm === self::AES_GCM
            ? sodium_crypto_aead_aes256gcm_encrypt($text, $identifier, $nonce, $key)
            : sodium_crypto_aead_xchacha20poly1305_ietf_encrypt($text, $identifier, $nonce, $key);
    }
}
