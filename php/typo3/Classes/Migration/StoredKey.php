<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * What nr-llm has in the column of a provider's key: nothing, an identifier of nr-vault, a key that nr-llm has encrypted
 * itself, as its early releases did, or a plain key.
 *
 * @internal
 */
final readonly class StoredKey
{
    public const NONE = 'none';
    public const IDENTIFIER = 'identifier';
    public const ENCRYPTED = 'encrypted';
    public const PLAIN = 'plain';

    private const MARK = 'enc:';
    private const IDENTIFIER_FORM = '/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/i';

    /** The constant text from which nr-llm derives its encryption key. */
    private const DOMAIN = ':nr_llm_provider_encryption';

    /** @var self::* */
    public string $kind;

    private \SensitiveParameterValue $value;

    /**
     * @param \Closure(string): bool $isSecret whether nr-vault has a secret of this identifier
     */
    public function __construct(#[\SensitiveParameter] string $value, \Closure $isSecret)
    {
        $this->value = new \SensitiveParameterValue($value);
        $this->kind = match (true) {
            $value === '' => self::NONE,
            preg_match(self::IDENTIFIER_FORM, $value) === 1 => self::IDENTIFIER,
            str_starts_with($value, self::MARK) => self::ENCRYPTED,
            // Some releases accept identifiers in the column that are not UUIDs.
            preg_match('/\A[A-Za-z]\w{2,254}\z/', $value) === 1 && $isSecret($value) => self::IDENTIFIER,
            default => self::PLAIN,
        };
    }

    /** The value as it is stored: an identifier, or the key that is to be replaced. */
    public function stored(): string
    {
        return $this->value->getValue();
    }

    /**
     * @return Secret|null null if it was encrypted with another encryptionKey, or is truncated
     */
    public function open(#[\SensitiveParameter] string $encryptionKey): ?Secret
    {
        if ($this->kind === self::PLAIN) {
            return new Secret($this->stored());
        }
        $bytes = base64_decode(substr($this->stored(), strlen(self::MARK)), true);
        if ($bytes === false || strlen($bytes) < SODIUM_CRYPTO_SECRETBOX_NONCEBYTES + SODIUM_CRYPTO_SECRETBOX_MACBYTES) {
            return null;
        }
        $key = hash('sha256', $encryptionKey . self::DOMAIN, true);
        $nonce = substr($bytes, 0, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
        $opened = sodium_crypto_secretbox_open(substr($bytes, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES), $nonce, $key);
        Secret::wipeString($key);
        return $opened === false ? null : new Secret($opened);
    }

    /**
     * The identifier that this value gets in nr-vault. It is always the same, so that a run after an interrupted one finds the
     * secret that is stored already. Without the encryptionKey it tells nothing about the value.
     */
    public function identifier(int $uid, #[\SensitiveParameter] string $encryptionKey): string
    {
        $digest = hash_hmac('sha256', "nr-llm provider $uid: " . $this->stored(), $encryptionKey);
        return sprintf(
            '%s-%s-7%s-%s%s-%s',
            substr($digest, 0, 8),
            substr($digest, 8, 4),
            substr($digest, 12, 3),
            ['8', '9', 'a', 'b'][hexdec($digest[15]) % 4],
            substr($digest, 16, 3),
            substr($digest, 19, 12),
        );
    }
}
