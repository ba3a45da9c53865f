<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Envelopes from a PHP array, by identifier.
 *
 * @api
 */
final readonly class ArrayCredentialProvider implements CredentialProvider
{
    /** Wrapped so that no dump shows envelopes. */
    private \SensitiveParameterValue $envelopes;

    /**
     * @param array<string, string> $envelopes
     */
    public function __construct(#[\SensitiveParameter] array $envelopes)
    {
        $this->envelopes = new \SensitiveParameterValue($envelopes);
    }

    public function fetch(CredentialReference $reference): SealedCredential
    {
        return $reference->seal($this->envelopes->getValue()[$reference->identifier] ?? throw OutboundException::create(
            'credential.not_found',
            'there is no envelope for the credential "' . $reference->identifier . '"',
        ));
    }
}
