<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\PdoSchema;

/**
 * An audit entry as the columns of tx_nrvault_outbound_audit, which are as wide as those of the library's own table.
 *
 * @internal
 */
final class AuditRows
{
    public const TABLE = 'tx_nrvault_outbound_audit';

    /**
     * @return array<string, string|int|null>
     */
    public static function of(AuditEntry $entry): array
    {
        return PdoSchema::row($entry);
    }
}
