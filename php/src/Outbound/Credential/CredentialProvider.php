<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Finds the envelope of a credential and never opens it. It is called only for calls that the policy allows, so if it counts
 * accesses, it counts calls that are sent.
 *
 * @api
 */
interface CredentialProvider
{
    /**
     * @return SealedCredential with the identifier, type and placement of the reference
     * @throws OutboundException credential.not_found, credential.access_denied
     */
    public function fetch(CredentialReference $reference): SealedCredential;
}
