<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Netresearch\NrVault\Crypto\EncryptedData;
use Netresearch\NrVault\Crypto\EncryptionServiceInterface;
use Netresearch\NrVault\Crypto\ReEncryptedDek;
use Netresearch\NrVault\Exception\EncryptionException;

/**
 * Replaces the service with which nr-vault decrypts a secret, and returns the encrypted envelope. It has no key and refuses every
 * other method: nothing can be stored through it, and nothing is decrypted in PHP.
 *
 * It implements an interface to which nr-vault may add methods in a minor release. Services.yaml therefore excludes it, and
 * VaultPass defines it after it has compared both.
 *
 * @internal
 */
final readonly class SealingEncryptionService implements EncryptionServiceInterface
{
    public function encrypt(#[\SensitiveParameter] string $plaintext, string $identifier): EncryptedData
    {
        throw self::refusal();
    }

    /**
     * @return string the envelope, "nrv1:…"
     */
    public function decrypt(
        #[\SensitiveParameter] string $encryptedValue,
        #[\SensitiveParameter] string $encryptedDek,
        string $dekNonce,
        string $valueNonce,
        string $identifier,
        int $encryptionVersion = 1,
        string $encryptionAlgorithm = '',
    ): string {
        if ($encryptedValue === '' || $encryptedDek === '') {
            throw new EncryptionException('the secret has no value yet', 1795910401);
        }
        try {
            return SealingVault::PREFIX . base64_encode(json_encode([
                'encrypted_value' => $encryptedValue,
                'encrypted_dek' => $encryptedDek,
                'dek_nonce' => $dekNonce,
                'value_nonce' => $valueNonce,
                'encryption_version' => $encryptionVersion,
                'encryption_algorithm' => $encryptionAlgorithm,
            ], JSON_THROW_ON_ERROR));
        } catch (\JsonException) {
            throw new EncryptionException('the secret is not stored as text', 1795910402);
        }
    }

    public function generateDek(): string
    {
        throw self::refusal();
    }

    public function calculateChecksum(#[\SensitiveParameter] string $plaintext): string
    {
        throw self::refusal();
    }

    public function reEncryptDek(
        #[\SensitiveParameter] string $encryptedDek,
        string $dekNonce,
        string $identifier,
        #[\SensitiveParameter] string $oldMasterKey,
        #[\SensitiveParameter] string $newMasterKey,
        int $encryptionVersion = 1,
        string $encryptionAlgorithm = '',
    ): ReEncryptedDek {
        throw self::refusal();
    }

    /** The exception of the class that nr-vault catches and writes to its audit log. */
    private static function refusal(): EncryptionException
    {
        return new EncryptionException('this service hands out sealed secrets only', 1795910403);
    }
}
