<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Whether the installed nr-vault is one that this extension can ask, as it was found when the container was made.
 *
 * @internal
 */
final readonly class VaultState
{
    /**
     * @param string|null $incompatibility what is not as it is known; null where all is
     * @param string|null $httpIncompatibility the same with nr-vault's HTTP client, which the drop-in stands for
     */
    public function __construct(
        private InstalledVault $vault,
        public ?string $incompatibility = null,
        public ?string $httpIncompatibility = null,
    ) {
    }

    /**
     * @throws OutboundException configuration.vault_incompatible
     */
    public function demand(): void
    {
        if ($this->incompatibility !== null) {
            throw OutboundException::create('configuration.vault_incompatible', $this->message());
        }
    }

    public function message(): string
    {
        return $this->incompatibility === null
            ? 'nr-vault ' . $this->vault->version() . ' is as this extension knows it'
            : 'nr-vault ' . $this->vault->version() . ' is not as this extension knows it: ' . $this->incompatibility;
    }
}
