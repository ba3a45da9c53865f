<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A credential that is still sealed: its declaration, and nr-vault's envelope. This class does not open it.
 *
 * @api
 */
final readonly class SealedCredential
{
    /**
     * @param string $sealed the envelope, "nrv1:…"
     * @throws OutboundException credential.malformed
     */
    public function __construct(public CredentialReference $reference, #[\SensitiveParameter] public string $sealed)
    {
        if ($sealed === '') {
            throw OutboundException::create('credential.malformed', 'the envelope of a credential is empty');
        }
    }

    /**
     * What dumps show: all but the envelope.
     *
     * @return array<string, mixed>
     */
    public function __debugInfo(): array
    {
        return $this->reference->toWire();
    }
}
