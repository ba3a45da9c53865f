<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Configuration;

use Netresearch\NrSecureOutbound\Configuration\MasterKey;
use Netresearch\NrVault\Crypto\MasterKeyProviderInterface;

/**
 * A provider whose key only PHP can read.
 */
final class CountingKeyProvider implements MasterKeyProviderInterface
{
    /** How often the key was handed to a transport; nr-vault's own reads for its audit log are not counted. */
    public int $crossed = 0;

    public function __construct(public string $key)
    {
    }

    public function getIdentifier(): string
    {
        return 'counting';
    }

    public function isAvailable(): bool
    {
        return true;
    }

    public function getMasterKey(): string
    {
        $callers = array_column(debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS), 'class');
        $this->crossed += in_array(MasterKey::class, $callers, true) ? 1 : 0;
        return $this->key;
    }

    public function storeMasterKey(string $key): void
    {
        $this->key = $key;
    }

    public function generateMasterKey(): string
    {
        return random_bytes(32);
    }

    public static function clearCachedKey(): void
    {
    }
}
