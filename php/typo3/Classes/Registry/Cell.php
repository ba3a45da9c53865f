<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

/**
 * Values of a row, whose types differ from driver to driver: SQLite returns integers, others return strings.
 *
 * @internal
 */
final class Cell
{
    /**
     * @param array<mixed> $row
     */
    public static function text(array $row, string $column): string
    {
        $value = $row[$column] ?? '';
        return is_scalar($value) ? (string) $value : '';
    }

    /**
     * @param array<mixed> $row
     */
    public static function optionalText(array $row, string $column): ?string
    {
        return isset($row[$column]) ? self::text($row, $column) : null;
    }

    /**
     * @param array<mixed> $row
     */
    public static function integer(array $row, string $column): int
    {
        $value = $row[$column] ?? 0;
        return is_numeric($value) ? (int) $value : 0;
    }

    /**
     * @param array<mixed> $row
     */
    public static function optionalInteger(array $row, string $column): ?int
    {
        return isset($row[$column]) ? self::integer($row, $column) : null;
    }

    /**
     * The lines of a text that are not empty, without the blanks around them.
     *
     * @param array<mixed> $row
     * @return list<string>
     */
    public static function lines(array $row, string $column): array
    {
        $lines = array_map(trim(...), explode("\n", strtr(self::text($row, $column), "\r", "\n")));
        return array_values(array_filter($lines, static fn (string $line): bool => $line !== ''));
    }
}
