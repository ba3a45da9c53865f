<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Composer\InstalledVersions;
use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Netresearch\NrVault\Security\TechnicalActorContextInterface;

/**
 * Which features the installed nr-vault has. Its releases differ; other classes ask this one, and not nr-vault.
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

    /** Whether its HTTP client has a method for calls that can be cancelled: since 0.16. */
    public function hasCancellation(): bool
    {
        return interface_exists(CancellableHttpClientInterface::class);
    }

    /** Whether its HTTP client has a method for bodies that are read while they arrive: since 1.1. */
    public function hasStreaming(): bool
    {
        return interface_exists(StreamingHttpClientInterface::class);
    }

    /** Whether its HTTP client places several secrets in one body: in no release yet. */
    public function hasAdditionalBodyFields(): bool
    {
        return $this->hasStreaming() && interface_exists(AdditionalSecretHttpClientInterface::class);
    }
}
