<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Netresearch\NrVault\Service\VaultServiceInterface;

/**
 * nr-vault's own service, which returns envelopes in place of secrets: all its checks of access, counters, records and events
 * work as in the installed release.
 *
 * @internal
 */
final readonly class SealingVault
{
    public const PREFIX = 'nrv1:';

    /**
     * @param VaultServiceInterface $vault one that was made with SealingEncryptionService
     */
    public function __construct(private VaultServiceInterface $vault)
    {
    }

    /**
     * @return string|null null if there is no such secret
     * @throws \Throwable what nr-vault throws
     */
    public function envelope(string $identifier): ?string
    {
        $this->forget();
        try {
            $envelope = $this->vault->retrieve($identifier);
        } finally {
            $this->forget();
        }
        if ($envelope !== null && !str_starts_with($envelope, self::PREFIX)) {
            throw new \LogicException('nr-vault did not answer with an envelope', 1795910404);
        }
        return $envelope;
    }

    /**
     * Releases before 1.0 return a secret from memory at the second read, without a check who reads it and whether it has
     * changed.
     */
    private function forget(): void
    {
        $vault = new \ReflectionObject($this->vault);
        if ($vault->hasMethod('clearCache')) {
            $vault->getMethod('clearCache')->invoke($this->vault);
        }
    }
}
