<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * An entry as every sink stores it: the fixed columns, in order, and of each only what its type allows.
 *
 * @internal
 */
final class AuditRow
{
    private const INTEGERS = [
        'port', 'status', 'duration_us', 'bytes_out', 'bytes_in', 'attempts', 'token_requests',
    ];

    private const LISTS = ['credentials', 'attempt_errors'];

    /**
     * A value of another type than its column's becomes null, so that nothing that is no metadata comes along.
     *
     * @return array<string, string|int|bool|list<string>|null>
     */
    public static function of(AuditEntry $entry): array
    {
        $row = $entry->toArray();
        foreach ($row as $column => $value) {
            $row[$column] = match (true) {
                in_array($column, self::INTEGERS, true) => is_int($value) ? $value : null,
                $column === 'connection_reused' => is_bool($value) ? $value : null,
                in_array($column, self::LISTS, true) => is_array($value)
                    ? array_values(array_filter($value, is_string(...)))
                    : null,
                default => is_string($value) ? $value : null,
            };
        }
        return $row;
    }

    /**
     * The row as JSON on one line, without the end of the line.
     *
     * @param array<string, mixed> $row
     */
    public static function json(array $row): string
    {
        return json_encode($row, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
    }
}
