<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Keys;

use Netresearch\NrVault\Transport\Php\Envelope\Algorithm;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * The source of a master key, which is read by the rules of nr-vault's providers.
 *
 * @internal
 */
final class KeySource
{
    private const TYPO3_INFO = 'nr-vault-master-key';

    /**
     * @param 'file'|'env'|'typo3'|'raw' $provider
     * @param string $place path of the file or name of the variable
     * @param Secret|null $material the encryption key or the base64, where the configuration contains it
     */
    private function __construct(
        private readonly string $provider,
        private readonly string $place = '',
        private readonly ?Secret $material = null,
    ) {
    }

    public static function file(string $path): self
    {
        return new self('file', $path);
    }

    public static function env(string $name): self
    {
        return new self('env', $name);
    }

    public static function typo3(#[\SensitiveParameter] string $encryptionKey): self
    {
        return new self('typo3', '', new Secret($encryptionKey));
    }

    public static function raw(#[\SensitiveParameter] string $keyBase64): self
    {
        return new self('raw', '', new Secret($keyBase64));
    }

    /** Whether the key can change while the process runs. */
    public function isExternal(): bool
    {
        return $this->material === null;
    }

    /** Reads the key: 32 bytes. */
    public function load(): Secret|KeyProblem
    {
        return match ($this->provider) {
            'file' => $this->loadFile(),
            'env' => $this->loadVariable(),
            'typo3' => $this->derive(),
            'raw' => self::ofBase64($this->exposed()) ?? KeyProblem::RawNotAKey,
        };
    }

    /**
     * Current problems of the source, for an administrator.
     *
     * @return list<array{code: string, message: string}>
     */
    public function warnings(): array
    {
        $found = $this->provider === 'file' ? (new KeyFile($this->place))->warnings() : [];
        $loaded = $this->load();
        if ($loaded instanceof KeyProblem) {
            $isHidden = $loaded === KeyProblem::FileUnreadable && LocalFile::isConfined();
            $found[] = [
                'code' => $loaded->code(),
                'message' => $loaded->value . ($isHidden ? '; it has to lie where open_basedir lets PHP read' : ''),
            ];
        } else {
            $loaded->wipe();
        }
        return $found;
    }

    /** A trimmed text of 32 bytes is the key itself; otherwise it is base64; otherwise the white space may belong to the key. */
    private function loadFile(): Secret|KeyProblem
    {
        $contents = (new KeyFile($this->place))->contents();
        if ($contents instanceof KeyProblem) {
            return $contents;
        }
        $trimmed = new Secret(trim($contents->expose()));
        return self::ofBytes($trimmed->expose())
            ?? self::ofBase64($trimmed->expose())
            ?? self::ofBytes($contents->expose())
            ?? KeyProblem::FileNotAKey;
    }

    /** A variable is not trimmed, but the base64 decoder skips white space. */
    private function loadVariable(): Secret|KeyProblem
    {
        // Only the environment of the process is read: variables that a web server sets for a request could come from its client.
        $value = getenv($this->place, true);
        if (!is_string($value) || $value === '') {
            return KeyProblem::VariableMissing;
        }
        $value = new Secret($value);
        return self::ofBytes($value->expose()) ?? self::ofBase64($value->expose()) ?? KeyProblem::VariableNotAKey;
    }

    /** The encryption key is used as text: its hexadecimal digits are not decoded. */
    private function derive(): Secret|KeyProblem
    {
        return strlen($this->exposed()) < Algorithm::KEY_BYTES
            ? KeyProblem::EncryptionKeyTooShort
            : new Secret(hash_hkdf('sha256', $this->exposed(), Algorithm::KEY_BYTES, self::TYPO3_INFO));
    }

    private function exposed(): string
    {
        return $this->material?->expose() ?? throw new \LogicException('this source has no material');
    }

    private static function ofBase64(#[\SensitiveParameter] string $text): ?Secret
    {
        $bytes = base64_decode($text, true);
        return $bytes === false ? null : self::ofBytes($bytes);
    }

    private static function ofBytes(#[\SensitiveParameter] string $bytes): ?Secret
    {
        return strlen($bytes) === Algorithm::KEY_BYTES ? new Secret($bytes) : null;
    }
}
