<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Credential\TechnicalUserCredentialProvider;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A provider for tests: it has an envelope for every reference, which is never opened, and notes which ones were requested.
 *
 * @api
 */
final class FakeCredentialProvider implements TechnicalUserCredentialProvider
{
    /** @var list<string> */
    private array $fetched = [];

    /** @var list<string|int> */
    private array $users = [];

    public function fetch(CredentialReference $reference): SealedCredential
    {
        $this->fetched[] = $reference->identifier;
        return $reference->seal('nrv1:fake');
    }

    public function fetchAs(CredentialReference $reference, string|int $user): SealedCredential
    {
        $this->users[] = $user;
        return $this->fetch($reference);
    }

    /**
     * The technical users in whose name envelopes were read.
     *
     * @return list<string|int>
     */
    public function users(): array
    {
        return $this->users;
    }

    /**
     * The identifiers that were requested.
     *
     * @return list<string>
     */
    public function fetched(): array
    {
        return $this->fetched;
    }
}
