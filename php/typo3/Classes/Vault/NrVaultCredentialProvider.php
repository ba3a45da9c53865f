<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Vault;

use Netresearch\NrVault\Exception\AccessDeniedException;
use Netresearch\NrVault\Exception\EncryptionException;
use Netresearch\NrVault\Exception\SecretExpiredException;
use Netresearch\NrVault\Exception\TechnicalActorException;
use Netresearch\NrVault\Outbound\Credential\TechnicalUserCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Security\TechnicalActorContextInterface;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Reads the envelopes of nr-vault's secrets. nr-vault decides who may read them, counts and records each read, and dispatches its
 * event.
 *
 * @internal
 */
final class NrVaultCredentialProvider implements TechnicalUserCredentialProvider
{
    /** How many reads in the name of a technical user are under way: listeners of one may call another service. */
    private int $acting = 0;

    /**
     * @param SealingVault|null $vault set by VaultPass; null if this extension does not know the installed nr-vault
     * @param TechnicalActorContextInterface|null $actors null if the installed nr-vault has none
     */
    public function __construct(
        private readonly VaultState $state,
        private readonly InstalledVault $installed,
        private readonly ?SealingVault $vault = null,
        private readonly ?TechnicalActorContextInterface $actors = null,
    ) {
    }

    public function fetch(CredentialReference $reference): SealedCredential
    {
        $vault = $this->vault();
        if ($this->acting > 0) {
            throw self::denied(
                $reference,
                'a secret is being read as the technical user of another service, whose rights are not for this one; give it one '
                    . 'of its own',
            );
        }
        return $this->sealed($reference, static fn (): ?string => $vault->envelope($reference->identifier));
    }

    public function fetchAs(CredentialReference $reference, string|int $user): SealedCredential
    {
        $vault = $this->vault();
        if ($this->actors === null) {
            throw OutboundException::create(
                'configuration.vault_incompatible',
                'nr-vault ' . $this->installed->version() . ' has no TechnicalActorContextInterface::runAs(), so no service '
                    . 'can have a technical user',
            );
        }
        if (!is_int($user) || $user < 1) {
            throw self::denied($reference, 'the technical user is not named by its number');
        }
        $actors = $this->actors;
        $this->acting++;
        try {
            return $this->sealed($reference, static fn (): ?string => $actors->runAs(
                $user,
                static fn (): ?string => $vault->envelope($reference->identifier),
            ));
        } finally {
            $this->acting--;
        }
    }

    private function vault(): SealingVault
    {
        $this->state->demand();
        return $this->vault ?? throw new \LogicException('the container was made without VaultPass', 1795910405);
    }

    /**
     * @param \Closure(): ?string $fetch
     */
    private function sealed(CredentialReference $reference, \Closure $fetch): SealedCredential
    {
        try {
            $envelope = $fetch();
        } catch (AccessDeniedException) {
            throw self::denied($reference, 'nr-vault refuses it to whoever makes this call');
        } catch (TechnicalActorException) {
            throw self::denied($reference, 'nr-vault refuses the technical user of the service');
        } catch (SecretExpiredException) {
            throw OutboundException::create(
                'credential.expired',
                'the secret of the credential "' . $reference->identifier . '" has expired in nr-vault',
            );
        } catch (EncryptionException) {
            throw OutboundException::create(
                'credential.malformed',
                'the secret of the credential "' . $reference->identifier . '" has no value that nr-vault has sealed',
            );
        }
        return $reference->seal($envelope ?? throw OutboundException::create(
            'credential.not_found',
            'nr-vault has no secret for the credential "' . $reference->identifier . '"',
        ));
    }

    private static function denied(CredentialReference $reference, string $why): OutboundException
    {
        return OutboundException::create(
            'credential.access_denied',
            'the credential "' . $reference->identifier . '" cannot be read: ' . $why,
        );
    }
}
