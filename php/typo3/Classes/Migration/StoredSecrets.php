<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Netresearch\NrVault\Audit\AuditLogFilter;
use Netresearch\NrVault\Audit\AuditLogServiceInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;

/**
 * Which secrets nr-vault has. It stores a secret, then its groups, then a record, without a transaction.
 *
 * @internal
 */
final readonly class StoredSecrets
{
    public function __construct(private VaultServiceInterface $vault, private AuditLogServiceInterface $records)
    {
    }

    public function has(string $identifier): bool
    {
        return $this->vault->exists($identifier);
    }

    /** Whether nr-vault has finished storing it: a secret without a record comes from a process that was interrupted. */
    public function hasWhole(string $identifier): bool
    {
        return $this->has($identifier)
            && $this->records->count(new AuditLogFilter(secretIdentifier: $identifier, success: true)) > 0;
    }
}
