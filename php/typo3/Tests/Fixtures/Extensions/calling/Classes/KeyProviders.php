<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Configuration\ExtensionConfigurationInterface;
use Netresearch\NrVault\Crypto\MasterKeyProviderFactory;
use Netresearch\NrVault\Crypto\MasterKeyProviderInterface;

/**
 * Adds a provider to those of nr-vault, as an extension does that gets the master key elsewhere.
 */
final readonly class KeyProviders
{
    public function __construct(private ExtensionConfigurationInterface $vault, private MasterKeyProviderFactory $known)
    {
    }

    public function create(): MasterKeyProviderInterface
    {
        return $this->vault->getMasterKeyProvider() === KeyServer::NAME
            ? new KeyServer($this->vault->getMasterKeySource())
            : $this->known->create();
    }
}
