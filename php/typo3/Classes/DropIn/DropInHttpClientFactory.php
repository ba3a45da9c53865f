<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\Vault\InstalledVault;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Http\VaultHttpClientFactoryInterface;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\VaultServiceInterface;

/**
 * Replaces nr-vault's factory of HTTP clients, and makes our client if the setting says so. A change of the setting has effect at
 * once, since the container is the same with both.
 *
 * @internal
 */
final readonly class DropInHttpClientFactory implements VaultHttpClientFactoryInterface
{
    /**
     * @param VaultHttpClientFactory $clients nr-vault's own
     */
    public function __construct(
        private HttpCalls $calls,
        private InstalledVault $installed,
        private VaultHttpClientFactory $clients,
    ) {
    }

    public function create(VaultServiceInterface $vaultService): VaultHttpClientInterface
    {
        if (!self::isWanted()) {
            return $this->clients->create($vaultService);
        }
        return match (true) {
            $this->installed->hasAdditionalBodyFields() => new AdditionalSecretVaultClient($this->calls, $vaultService),
            $this->installed->hasStreaming() => new StreamingVaultClient($this->calls, $vaultService),
            $this->installed->hasCancellation() => new CancellableVaultClient($this->calls, $vaultService),
            default => new VaultClient($this->calls, $vaultService),
        };
    }

    /** If the settings cannot be read, our client is used as well: each call then says what is wrong with them. */
    private static function isWanted(): bool
    {
        try {
            return Settings::fromGlobals()->dropIn !== Settings::DROP_IN_OFF;
        } catch (OutboundException) {
            return true;
        }
    }
}
