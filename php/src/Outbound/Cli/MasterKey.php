<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

/**
 * A master key, by the rules of nr-vault's providers. It is held wrapped and wiped by use().
 *
 * @internal
 */
final class MasterKey
{
    public const LENGTH = 32;

    private const MAX_FILE = 4096;

    private ?\SensitiveParameterValue $bytes;

    private function __construct(#[\SensitiveParameter] string $bytes)
    {
        $this->bytes = new \SensitiveParameterValue($bytes);
    }

    /**
     * @throws UsageError
     */
    public static function fromFile(string $path): self
    {
        $contents = self::contents($path, 'key file');
        $key = self::parse(trim($contents))
            ?? self::exact($contents)
            ?? throw new UsageError('The key file holds neither 32 bytes nor the base64 of 32 bytes.');
        if (strlen(trim($contents)) > self::LENGTH && strlen($contents) > self::LENGTH) {
            // Base64, so not the string that the key is.
            sodium_memzero($contents);
        }
        return $key;
    }

    /**
     * @throws UsageError
     */
    public static function fromEnvironment(string $name): self
    {
        $value = getenv($name, true);
        if (!is_string($value) || $value === '') {
            throw new UsageError("The key's environment variable is not set, or is empty.");
        }
        return self::parse($value)
            ?? throw new UsageError("The key's variable holds neither 32 bytes nor the base64 of 32 bytes.");
    }

    /**
     * Of TYPO3's encryption key, which counts as its text.
     *
     * @throws UsageError
     */
    public static function fromEncryptionKey(#[\SensitiveParameter] string $text): self
    {
        if (strlen($text) < self::LENGTH) {
            throw new UsageError('The encryption key is shorter than 32 bytes.');
        }
        return new self(hash_hkdf('sha256', $text, self::LENGTH, 'nr-vault-master-key'));
    }

    /**
     * @param array<mixed> $entry of `master_keys` in the configuration
     * @throws UsageError
     */
    public static function fromEntry(#[\SensitiveParameter] array $entry): self
    {
        $text = static fn (string $key): string => is_string($entry[$key] ?? null)
            ? $entry[$key]
            : throw new UsageError('A master key of the configuration has no "' . $key . '".');
        return match ($entry['provider'] ?? null) {
            'file' => self::fromFile($text('path')),
            'env' => self::fromEnvironment($text('name')),
            'typo3' => self::fromEncryptionKey($text('encryption_key')),
            'raw' => self::exact((string) base64_decode($text('key_base64'), true))
                ?? throw new UsageError('key_base64 is not the base64 of 32 bytes.'),
            default => throw new UsageError('A master key of the configuration has a provider that is unknown.'),
        };
    }

    /**
     * The text in a small file, such as TYPO3's encryption key.
     *
     * @throws UsageError
     */
    public static function contents(string $path, string $what): string
    {
        clearstatcache();
        if (!file_exists($path)) {
            throw new UsageError('The ' . $what . ' does not exist.');
        }
        // Before it is opened: a pipe would wait for its writer.
        $contents = is_file($path) ? @file_get_contents($path, length: self::MAX_FILE + 1) : false;
        if ($contents === false) {
            throw new UsageError('The ' . $what . ' cannot be read by this user, or is no regular file.');
        }
        if (strlen($contents) > self::MAX_FILE) {
            throw new UsageError('The ' . $what . ' is too long to be one.');
        }
        return $contents;
    }

    /**
     * Hands the key to $what, once, and wipes it.
     *
     * @template T
     * @param \Closure(string): T $what
     * @return T
     */
    public function use(\Closure $what): mixed
    {
        $bytes = $this->bytes?->getValue() ?? throw new \LogicException('The key was used already.');
        $this->bytes = null;
        try {
            return $what($bytes);
        } finally {
            sodium_memzero($bytes);
        }
    }

    private static function parse(#[\SensitiveParameter] string $text): ?self
    {
        return self::exact($text) ?? self::exact((string) base64_decode($text, true));
    }

    private static function exact(#[\SensitiveParameter] string $bytes): ?self
    {
        return strlen($bytes) === self::LENGTH ? new self($bytes) : null;
    }
}
