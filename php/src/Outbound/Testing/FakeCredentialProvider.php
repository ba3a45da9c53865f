<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A provider for tests: it has an envelope for every reference, which nothing opens, and counts what it is asked for.
 *
 * @api
 */
final class FakeCredentialProvider implements CredentialProvider
{
    /** @var list<string> */
    private array $fetched = [];

    public function fetch(CredentialReference $reference): SealedCredential
    {
        $this->fetched[] = $reference->identifier;
        return $reference->seal('nrv1:fake');
    }

    /**
     * The identifiers that were asked for.
     *
     * @return list<string>
     */
    public function fetched(): array
    {
        return $this->fetched;
    }
}
