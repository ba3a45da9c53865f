<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A provider that asks who reads. For a service that names a technical user that user's rights count, not those of whoever
 * makes the call. A provider without this interface is never asked for such a service: its calls are refused.
 *
 * @api
 */
interface TechnicalUserCredentialProvider extends CredentialProvider
{
    /**
     * @param string|int $user by name or number, as the registry has it
     * @return SealedCredential with the identifier, type and placement of the reference
     * @throws OutboundException credential.not_found, credential.access_denied
     */
    public function fetchAs(CredentialReference $reference, string|int $user): SealedCredential;
}
