<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A provider that checks who reads a secret. For a service with a technical user, the rights of that user apply, and not those of
 * the caller. With a provider that does not implement this interface, calls of such a service are refused.
 *
 * @api
 */
interface TechnicalUserCredentialProvider extends CredentialProvider
{
    /**
     * @param string|int $user name or number of the user, as in the registry
     * @return SealedCredential with the identifier, type and placement of the reference
     * @throws OutboundException credential.not_found, credential.access_denied
     */
    public function fetchAs(CredentialReference $reference, string|int $user): SealedCredential;
}
