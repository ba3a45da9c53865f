<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Outbound\Registry\EnabledServices;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;

/**
 * The stored services that the settings of this installation allow to be called.
 *
 * @internal
 */
final readonly class InstallationRegistry implements ServiceRegistry
{
    public function __construct(private RowServiceRegistry $rows, private VaultState $vault)
    {
    }

    public function get(string $id): ServiceDefinition
    {
        $this->vault->demand();
        $enabled = Settings::fromGlobals()->services;
        return $enabled === null ? $this->rows->get($id) : (new EnabledServices($this->rows, $enabled))->get($id);
    }

    public function ids(): array
    {
        return $this->rows->ids();
    }

    public function problems(): array
    {
        return $this->rows->problems();
    }
}
