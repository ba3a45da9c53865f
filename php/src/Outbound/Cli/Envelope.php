<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\Php\Envelope\Algorithm;
use Netresearch\NrVault\Transport\Php\Envelope\EnvelopeForm;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Makes nr-vault's envelope, "nrv1:…", encryption version 2: the payload encrypted with a key of its own, that key encrypted with
 * the master key, and the identifier as associated data of both.
 *
 * @internal
 */
final class Envelope
{
    public static function seal(
        #[\SensitiveParameter] Secret $masterKey,
        string $identifier,
        #[\SensitiveParameter] Secret $payload,
        Algorithm $algorithm,
    ): string {
        $dataKey = new Secret(random_bytes(Algorithm::KEY_BYTES));
        $keyNonce = random_bytes($algorithm->nonceBytes());
        $valueNonce = random_bytes($algorithm->nonceBytes());
        $value = self::encrypt($algorithm, $payload, $identifier, $valueNonce, $dataKey);
        $wrapped = self::encrypt($algorithm, $dataKey, $identifier, $keyNonce, $masterKey);
        $checksumKey = new Secret(hash_hkdf('sha256', $dataKey->expose(), 32, 'nr-vault-checksum'));
        return EnvelopeForm::MARKER . base64_encode((string) json_encode([
            'encrypted_value' => base64_encode($value),
            'encrypted_dek' => base64_encode($wrapped),
            'dek_nonce' => base64_encode($keyNonce),
            'value_nonce' => base64_encode($valueNonce),
            'value_checksum' => hash_hmac('sha256', $value, $checksumKey->expose()),
            'encryption_version' => 2,
            'encryption_algorithm' => $algorithm->value,
        ]));
    }

    /**
     * @throws UsageError for an algorithm that does not exist, or that this machine does not support
     */
    public static function algorithm(?string $name): Algorithm
    {
        $algorithm = $name === null ? Algorithm::XChaCha20Poly1305 : Algorithm::tryFrom($name);
        if ($algorithm === null) {
            throw new UsageError('--algorithm is ' . implode(' or ', array_column(Algorithm::cases(), 'value')) . '.');
        }
        if (!extension_loaded('sodium')) {
            throw new UsageError('Sealing needs the extension sodium.');
        }
        if ($algorithm === Algorithm::Aes256Gcm && !sodium_crypto_aead_aes256gcm_is_available()) {
            throw new UsageError('This CPU has no AES instructions, which sodium needs for ' . $name . '.');
        }
        return $algorithm;
    }

    private static function encrypt(
        Algorithm $algorithm,
        #[\SensitiveParameter] Secret $text,
        string $identifier,
        string $nonce,
        #[\SensitiveParameter] Secret $key,
    ): string {
        $encrypt = match ($algorithm) {
            Algorithm::XChaCha20Poly1305 => sodium_crypto_aead_xchacha20poly1305_ietf_encrypt(...),
            Algorithm::Aes256Gcm => sodium_crypto_aead_aes256gcm_encrypt(...),
        };
        return $encrypt($text->expose(), $identifier, $nonce, $key->expose());
    }
}
