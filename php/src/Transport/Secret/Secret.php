<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Secret;

/**
 * The only type for secret bytes: they are wiped when the object is destroyed, and cannot be shown, copied or serialised.
 *
 * Only the memory that this object holds is wiped. PHP may copy strings at any time, so other copies may remain.
 *
 * @internal
 */
final class Secret
{
    /** Wrapped, so that neither a cast to an array nor var_export() shows it. */
    private ?\SensitiveParameterValue $bytes;

    /**
     * @param string $bytes the caller must have no other copy, and must not wipe this one
     */
    public function __construct(#[\SensitiveParameter] string $bytes)
    {
        $this->bytes = new \SensitiveParameterValue($bytes);
    }

    public function __destruct()
    {
        $this->wipe();
    }

    /**
     * The bytes. A stored copy would not be wiped, so callers use them at once.
     */
    public function expose(): string
    {
        $bytes = $this->bytes?->getValue();
        return is_string($bytes) ? $bytes : throw new \LogicException('the secret was wiped already');
    }

    /** Wipes now; a second time does nothing. */
    public function wipe(): void
    {
        if ($this->bytes !== null) {
            $bytes = $this->bytes->getValue();
            $this->bytes = null;
            if (is_string($bytes)) {
                self::wipeString($bytes);
            }
        }
    }

    /**
     * Overwrites a string that no other variable shares; a shared one is only released.
     */
    public static function wipeString(#[\SensitiveParameter] string &$bytes): void
    {
        if (function_exists('sodium_memzero')) {
            // sodium_memzero() sets the variable to null.
            $wiped = &$bytes;
            sodium_memzero($wiped);
        } else {
            for ($index = strlen($bytes) - 1; $index >= 0; $index--) {
                $bytes[$index] = "\0";
            }
        }
        $bytes = '';
    }

    /**
     * @return array<string, string>
     */
    public function __debugInfo(): array
    {
        return ['bytes' => '[redacted]'];
    }

    public function __clone()
    {
        throw new \LogicException('a secret is not copied');
    }

    public function __serialize(): never
    {
        throw new \LogicException('a secret is not serialised');
    }

    /**
     * @param array<mixed> $data
     */
    public function __unserialize(array $data): never
    {
        throw new \LogicException('a secret is not serialised');
    }
}
