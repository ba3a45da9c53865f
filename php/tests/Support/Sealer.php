<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Seals secrets with PHP's libsodium into envelopes of nr-vault: one string, encryption version 2.
 */
final class Sealer
{
    public const XCHACHA20 = 'xchacha20poly1305';
    public const AES_GCM = 'aes256gcm';

    private readonly \SensitiveParameterValue $masterKey;

    /**
     * @param string $masterKey 32 raw bytes
     */
    public function __construct(
        #[\SensitiveParameter] string $masterKey,
        private readonly string $algorithm = self::XCHACHA20,
    ) {
        $this->masterKey = new \SensitiveParameterValue($masterKey);
    }

    /**
     * @param string $plaintext the secret's bytes, or the JSON of a typed payload
     * @return string "nrv1:…"
     */
    public function seal(string $identifier, #[\SensitiveParameter] string $plaintext): string
    {
        $length = $this->algorithm === self::AES_GCM ? 12 : 24;
        $fields = $this->fields(
            $identifier,
            $plaintext,
            random_bytes(32),
            random_bytes($length),
            random_bytes($length),
        );
        return 'nrv1:' . base64_encode((string) json_encode($fields));
    }

    /**
     * The JSON object inside the envelope.
     *
     * @return array<string, int|string>
     */
    public function fields(
        string $identifier,
        #[\SensitiveParameter] string $plaintext,
        #[\SensitiveParameter] string $dataKey,
        string $keyNonce,
        string $valueNonce,
    ): array {
        $value = $this->encrypt($plaintext, $identifier, $valueNonce, $dataKey);
        $checksumKey = hash_hkdf('sha256', $dataKey, 32, 'nr-vault-checksum');
        return [
            'encrypted_value' => base64_encode($value),
            'encrypted_dek' => base64_encode(
                $this->encrypt($dataKey, $identifier, $keyNonce, $this->masterKey->getValue()),
            ),
            'dek_nonce' => base64_encode($keyNonce),
            'value_nonce' => base64_encode($valueNonce),
            'value_checksum' => hash_hmac('sha256', $value, $checksumKey),
            'encryption_version' => 2,
            'encryption_algorithm' => $this->algorithm,
        ];
    }

    /** Encrypts with the identifier as associated data, which both layers of an envelope have. */
    private function encrypt(
        #[\SensitiveParameter] string $text,
        string $identifier,
        string $nonce,
        #[\SensitiveParameter] string $key,
    ): string {
        return $this->algorithm === self::AES_GCM
            ? sodium_crypto_aead_aes256gcm_encrypt($text, $identifier, $nonce, $key)
            : sodium_crypto_aead_xchacha20poly1305_ietf_encrypt($text, $identifier, $nonce, $key);
    }

    /**
     * A credential of the type.
     *
     * @param string|array<string, mixed> $payload
     */
    public function credential(
        string $type,
        #[\SensitiveParameter] string|array $payload,
        ?Placement $placement,
        string $identifier,
    ): SealedCredential {
        $text = is_string($payload) ? $payload : (string) json_encode($payload, JSON_UNESCAPED_SLASHES);
        return (new CredentialReference($identifier, $type, $placement))->seal($this->seal($identifier, $text));
    }
}
