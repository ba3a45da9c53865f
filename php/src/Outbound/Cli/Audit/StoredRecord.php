<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;

/**
 * One line of an audit file, read as it would be written: known columns, each of its type, and every text printable, as
 * whoever may write to the file could have put anything there.
 *
 * @internal
 */
final readonly class StoredRecord
{
    private const TIME = '/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/';

    private const OUTCOMES = [null, AuditEntry::RESPONSE, AuditEntry::REFUSED, AuditEntry::FAILED];

    /**
     * @param array<string, string|int|bool|list<string>|null> $row
     */
    private function __construct(public array $row)
    {
    }

    /** @return self|null null for what is no record */
    public static function read(string $line): ?self
    {
        $map = json_decode($line, true, 8);
        if (
            !is_array($map)
            || preg_match('/\A[\x21-\x7E]{1,64}\z/', self::string($map, 'id') ?? '') !== 1
            || !in_array($map['state'] ?? null, [AuditEntry::INTENT, AuditEntry::COMPLETE], true)
            || !in_array($map['outcome'] ?? null, self::OUTCOMES, true)
            || preg_match(self::TIME, self::string($map, 'timestamp') ?? '') !== 1
        ) {
            return null;
        }
        return new self(AuditRow::of(new AuditEntry(
            $map['id'],
            $map['state'],
            $map['outcome'] ?? null,
            $map,
            self::string($map, 'actor_type'),
            self::string($map, 'actor_id'),
            self::string($map, 'caller'),
            self::string($map, 'request_id'),
        )));
    }

    public function id(): string
    {
        return (string) $this->row['id'];
    }

    public function isIntent(): bool
    {
        return $this->row['state'] === AuditEntry::INTENT;
    }

    public function json(): string
    {
        return AuditRow::json($this->row);
    }

    /** For people: when, which service, what was asked of whom, how it ended and in which time, and the caller's id of it. */
    public function text(): string
    {
        $time = $this->row['duration_us'];
        $host = $this->row['host'] . ($this->row['port'] === 443 || $this->row['port'] === null ? '' : ':' . $this->row['port']);
        return implode('  ', [
            $this->row['timestamp'],
            $this->row['service_id'] ?? '-',
            trim($this->row['method'] . ' ' . $host . $this->row['path_template']) ?: '-',
            $this->ending(),
            is_int($time) ? sprintf('%.1f ms', $time / 1000) : '-',
            $this->row['correlation_id'] ?? '-',
        ]);
    }

    /** "200", "failed timeout.total", "begun" of an intent. */
    public function ending(): string
    {
        if ($this->isIntent()) {
            return 'begun';
        }
        $isResponse = $this->row['outcome'] === AuditEntry::RESPONSE;
        return $isResponse ? (string) $this->row['status'] : $this->row['outcome'] . ' ' . $this->row['error_code'];
    }

    /**
     * @param array<mixed> $map
     */
    private static function string(array $map, string $column): ?string
    {
        return is_string($map[$column] ?? null) ? $map[$column] : null;
    }
}
