<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * The table of PdoAuditSink and its statements, for SQLite and for MySQL (MariaDB as well).
 *
 * @internal
 */
final class PdoSchema
{
    public const TABLE = 'secure_outbound_audit';

    /** Column => type, the same in both databases; an integer is a width in characters. The order is that of AuditEntry. */
    private const COLUMNS = [
        'id' => 36,
        'state' => 16,
        'outcome' => 16,
        'service_id' => 128,
        'correlation_id' => 128,
        'timestamp' => 24,
        'method' => 64,
        'host' => 255,
        'port' => 'INTEGER',
        'path_template' => 'TEXT',
        'status' => 'INTEGER',
        'duration_us' => 'BIGINT',
        'bytes_out' => 'BIGINT',
        'bytes_in' => 'BIGINT',
        'attempts' => 'INTEGER',
        'attempt_errors' => 'TEXT',
        'token_requests' => 'INTEGER',
        'remote_address' => 64,
        'tls_version' => 16,
        'http_version' => 16,
        'connection_reused' => 'SMALLINT',
        'credentials' => 'TEXT',
        'error_class' => 64,
        'error_code' => 128,
        'sent' => 8,
        'transport' => 32,
        'library_version' => 64,
        'proxy_resolve' => 16,
        'actor_type' => 255,
        'actor_id' => 255,
        'caller' => 255,
        'request_id' => 255,
        'weight' => 'INTEGER',
    ];

    private const REQUIRED = ['id', 'state', 'timestamp'];

    /** Name of the index => its column. */
    private const INDEXES = [
        'secure_outbound_audit_timestamp' => 'timestamp',
        'secure_outbound_audit_correlation' => 'correlation_id',
    ];

    /** The number of characters that always fit into MySQL's TEXT. */
    private const TEXT_WIDTH = 16_383;

    /**
     * Creates the table and its indexes if they are missing. SQLite uses a write-ahead log, so that readers do not block a
     * writer.
     *
     * @return list<string>
     */
    public static function statements(string $driver): array
    {
        $lines = array_map(self::definition(...), array_keys(self::COLUMNS));
        $lines[] = 'PRIMARY KEY (id)';
        $after = [];
        foreach (self::INDEXES as $name => $column) {
            if ($driver === 'mysql') {
                $lines[] = 'INDEX ' . $name . ' (' . $column . ')';
            } else {
                $after[] = 'CREATE INDEX IF NOT EXISTS ' . $name . ' ON ' . self::TABLE . ' (' . $column . ')';
            }
        }
        $before = $driver === 'mysql' ? [] : ['PRAGMA journal_mode = WAL'];
        $options = $driver === 'mysql' ? ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin' : '';
        $create = 'CREATE TABLE IF NOT EXISTS ' . self::TABLE . " (\n    ";
        return [...$before, $create . implode(",\n    ", $lines) . "\n)" . $options, ...$after];
    }

    /** The query for the names of the table's columns. */
    public static function columns(string $driver): string
    {
        return $driver === 'mysql'
            ? "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '"
                . self::TABLE . "'"
            : "SELECT name FROM pragma_table_info('" . self::TABLE . "')";
    }

    /**
     * Adds the columns that an older table lacks.
     *
     * @param list<string> $present names of the columns that it has
     * @return list<string>
     */
    public static function additions(array $present): array
    {
        return array_map(
            static fn (string $column): string => 'ALTER TABLE ' . self::TABLE . ' ADD COLUMN ' . self::definition($column),
            array_values(array_diff(array_keys(self::COLUMNS), $present)),
        );
    }

    private static function definition(string $column): string
    {
        $type = self::COLUMNS[$column];
        $null = in_array($column, self::REQUIRED, true) ? ' NOT NULL' : '';
        return $column . ' ' . (is_int($type) ? 'VARCHAR(' . $type . ')' : $type) . $null;
    }

    /** Stores an intent; one that is stored already is not changed. Parameters: values(). */
    public static function begin(string $driver): string
    {
        return self::insert($driver) . 'id = ' . self::TABLE . '.id';
    }

    /** Stores a completed call; it replaces the intent if there is one. Parameters: values(), then again without the id. */
    public static function complete(string $driver): string
    {
        $columns = array_slice(array_keys(self::COLUMNS), 1);
        return self::insert($driver) . implode(' = ?, ', $columns) . ' = ?';
    }

    /** Deletes at most $rows rows that are older than the one parameter, a timestamp. */
    public static function purge(string $driver, int $rows): string
    {
        $where = ' WHERE timestamp < ?';
        return 'DELETE FROM ' . self::TABLE . ($driver === 'mysql'
            ? $where . ' LIMIT ' . $rows
            : ' WHERE id IN (SELECT id FROM ' . self::TABLE . $where . ' LIMIT ' . $rows . ')');
    }

    /**
     * The entry's values in the order of the columns.
     *
     * @return list<string|int|null>
     */
    public static function values(AuditEntry $entry): array
    {
        return array_values(self::row($entry));
    }

    /**
     * The entry's values by column, each text cut to its column's width, so that a record with a value that is too long is still
     * stored. A list is not cut, since a part of it would not be JSON; it has only a few names.
     *
     * @return array<string, string|int|null>
     */
    public static function row(AuditEntry $entry): array
    {
        $values = [];
        $row = $entry->toArray();
        foreach (self::COLUMNS as $column => $type) {
            $value = $row[$column];
            $values[$column] = match (true) {
                is_array($value) => AuditRow::json($value),
                is_bool($value) => (int) $value,
                is_string($value) => self::cut($value, is_int($type) ? $type : self::TEXT_WIDTH),
                default => $value,
            };
        }
        return $values;
    }

    private static function insert(string $driver): string
    {
        return 'INSERT INTO ' . self::TABLE . ' (' . implode(', ', array_keys(self::COLUMNS)) . ') VALUES ('
            . implode(', ', array_fill(0, count(self::COLUMNS), '?')) . ') '
            . ($driver === 'mysql' ? 'ON DUPLICATE KEY UPDATE ' : 'ON CONFLICT (id) DO UPDATE SET ');
    }

    private static function cut(string $text, int $characters): string
    {
        if (strlen($text) <= $characters) {
            return $text;
        }
        preg_match('/^.{0,' . $characters . '}/us', $text, $match);
        return $match[0] ?? '';
    }
}
