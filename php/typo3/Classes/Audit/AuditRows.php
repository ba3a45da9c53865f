<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;

/**
 * An audit entry as the columns of tx_nrvault_outbound_audit.
 *
 * @internal
 */
final class AuditRows
{
    public const TABLE = 'tx_nrvault_outbound_audit';

    /** Characters of the columns, as ext_tables.sql has them. What is longer is cut: a value must not cost the record. */
    private const WIDTHS = [
        'id' => 36,
        'state' => 16,
        'outcome' => 16,
        'service_id' => 64,
        'correlation_id' => 128,
        'timestamp' => 24,
        'method' => 64,
        'host' => 255,
        'remote_address' => 64,
        'tls_version' => 16,
        'http_version' => 16,
        'error_class' => 64,
        'error_code' => 128,
        'transport' => 32,
        'library_version' => 64,
        'proxy_resolve' => 16,
        'actor_type' => 255,
        'actor_id' => 255,
        'caller' => 255,
        'request_id' => 255,
    ];

    /** What TEXT holds in MySQL whatever the characters. */
    private const TEXT = 16_383;

    /**
     * @return array<string, string|int|null>
     */
    public static function of(AuditEntry $entry): array
    {
        $row = [];
        foreach ($entry->toArray() as $column => $value) {
            $row[$column] = match (true) {
                is_array($value) => mb_substr(AuditRow::json($value), 0, self::TEXT),
                is_bool($value) => (int) $value,
                is_string($value) => mb_substr($value, 0, self::WIDTHS[$column] ?? self::TEXT),
                default => $value,
            };
        }
        return $row;
    }
}
