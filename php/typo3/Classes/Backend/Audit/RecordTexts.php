<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Audit;

use Netresearch\NrSecureOutbound\Backend\Amounts;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;

/**
 * An audit record as the log shows it: a line, and everything that is known.
 *
 * @internal
 */
final class RecordTexts
{
    /**
     * @param array<string, mixed> $row
     * @return array<string, mixed>
     */
    public static function of(array $row): array
    {
        $outcome = Cell::optionalText($row, 'outcome') ?? AuditEntry::INTENT;
        $status = Cell::optionalInteger($row, 'status');
        $duration = Cell::optionalInteger($row, 'duration_us');
        return [
            'time' => Amounts::moment(Cell::integer($row, 'crdate')),
            'service' => Cell::text($row, 'service_id'),
            'request' => trim(Cell::text($row, 'method') . ' ' . self::address($row)),
            'outcome' => $outcome,
            'end' => $status === null ? Cell::text($row, 'error_code') : trim($status . ' ' . Cell::text($row, 'error_code')),
            'severity' => match (true) {
                $outcome === AuditEntry::RESPONSE && $status !== null && $status < 400 => 'success',
                $outcome === AuditEntry::INTENT => 'default',
                $outcome === AuditEntry::REFUSED => 'warning',
                default => 'danger',
            },
            'duration' => $duration === null ? '' : Amounts::duration($duration),
            'actor' => trim(Cell::text($row, 'actor_type') . ' ' . Cell::text($row, 'actor_id')),
            'caller' => Cell::text($row, 'caller'),
            'weight' => Cell::integer($row, 'weight'),
            'details' => self::details($row),
        ];
    }

    /**
     * @param array<string, mixed> $row
     */
    private static function address(array $row): string
    {
        $port = Cell::integer($row, 'port');
        $host = Cell::text($row, 'host') . ($port === 443 || $port === 0 ? '' : ":$port");
        return $host . Cell::text($row, 'path_template');
    }

    /**
     * @param array<string, mixed> $row
     * @return array<string, string>
     */
    private static function details(array $row): array
    {
        $details = [];
        foreach (AuditLog::COLUMNS as $column) {
            $text = Cell::text($row, $column);
            if ($text !== '' && $text !== '[]') {
                $details[$column] = $text;
            }
        }
        return $details;
    }
}
