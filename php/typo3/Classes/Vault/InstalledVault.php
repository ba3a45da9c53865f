<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Composer\InstalledVersions;
use Netresearch\NrVault\Security\TechnicalActorContextInterface;

/**
 * What the installed nr-vault has. Its releases differ, and this is the one place that asks.
 *
 * @internal
 */
final readonly class InstalledVault
{
    private const PACKAGE = 'netresearch/nr-vault';

    /** For messages. */
    public function version(): string
    {
        return InstalledVersions::getPrettyVersion(self::PACKAGE) ?? 'of an unknown version';
    }

    /** Whether a secret can be read with the rights of a named user, without that user being logged in: since 1.0. */
    public function hasTechnicalUsers(): bool
    {
        return interface_exists(TechnicalActorContextInterface::class);
    }
}
