<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Whether this extension knows the installed nr-vault, as it was found when the container was built.
 *
 * @internal
 */
final readonly class VaultState
{
    /**
     * @param string|null $incompatibility what differs from the known releases; null if nothing does
     * @param string|null $httpIncompatibility the same for nr-vault's HTTP client, which the drop-in replaces
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
