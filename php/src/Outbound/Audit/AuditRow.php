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

    /** In place of a control character, which could begin a line of its own in a log. */
    private const REPLACEMENT = '?';

    /**
     * A value of another type than its column's becomes null, so that nothing that is no metadata comes along. Strings
     * are UTF-8 without control characters.
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
                in_array($column, self::LISTS, true) => is_array($value) ? self::texts($value) : null,
                default => is_string($value) ? self::text($value) : null,
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

    /**
     * @param array<mixed> $values
     * @return list<string>
     */
    private static function texts(array $values): array
    {
        return array_map(self::text(...), array_values(array_filter($values, is_string(...))));
    }

    private static function text(string $value): string
    {
        if (preg_match('/[\x00-\x1F\x7F]/', $value) === 1) {
            $value = (string) preg_replace('/[\x00-\x1F\x7F]/', self::REPLACEMENT, $value);
        }
        if (preg_match('//u', $value) !== 1) {
            $value = json_decode((string) json_encode($value, JSON_INVALID_UTF8_SUBSTITUTE));
        }
        return $value;
    }
}
