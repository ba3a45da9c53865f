<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrSecureOutbound\Configuration\MasterKey;
use Netresearch\NrVault\Crypto\MasterKeyProviderInterface;

/**
 * A master key that only PHP can get. Beside it is a log of which process handed it to the library, and when; nr-vault's own reads
 * are not in it.
 */
final readonly class KeyServer implements MasterKeyProviderInterface
{
    public const NAME = 'server';

    public function __construct(private string $file)
    {
    }

    public function getIdentifier(): string
    {
        return self::NAME;
    }

    public function isAvailable(): bool
    {
        return is_readable($this->file);
    }

    public function getMasterKey(): string
    {
        $key = (string) base64_decode((string) file_get_contents($this->file), true);
        if (in_array(MasterKey::class, array_column(debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS), 'class'), true)) {
            file_put_contents($this->file . '.log', getmypid() . ' ' . hash('sha256', $key) . "\n", FILE_APPEND | LOCK_EX);
        }
        return $key;
    }

    public function storeMasterKey(#[\SensitiveParameter] string $key): void
    {
        throw new \LogicException('The key server takes no keys.');
    }

    public function generateMasterKey(): string
    {
        return random_bytes(32);
    }

    public static function clearCachedKey(): void
    {
    }
}
