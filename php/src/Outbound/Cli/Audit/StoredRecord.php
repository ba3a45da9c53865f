<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;

/**
 * One line of an audit file. Any program that may write to the file could have written it, so it is checked: known keys only,
 * each with a value of its type, and every text printable.
 *
 * @internal
 */
final readonly class StoredRecord
{
    private const TIME = '/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/';

    private const OUTCOMES = [null, AuditEntry::RESPONSE, AuditEntry::REFUSED, AuditEntry::FAILED];

    private function __construct(public AuditEntry $entry)
    {
    }

    /** @return self|null null if the line is not a record */
    public static function read(string $line): ?self
    {
        $map = json_decode($line, true, 8);
        if (!is_array($map)) {
            return null;
        }
        $id = self::string($map, 'id') ?? '';
        $state = self::string($map, 'state');
        $outcome = self::string($map, 'outcome');
        if (
            preg_match('/\A[\x21-\x7E]{1,64}\z/', $id) !== 1
            || !in_array($state, [AuditEntry::INTENT, AuditEntry::COMPLETE], true)
            || !in_array($outcome, self::OUTCOMES, true)
            || $outcome !== ($map['outcome'] ?? null)
            || preg_match(self::TIME, self::string($map, 'timestamp') ?? '') !== 1
        ) {
            return null;
        }
        return new self(new AuditEntry(
            $id,
            $state,
            $outcome,
            $map,
            self::string($map, 'actor_type'),
            self::string($map, 'actor_id'),
            self::string($map, 'caller'),
            self::string($map, 'request_id'),
            self::weight($map['weight'] ?? 1),
        ));
    }

    public function id(): string
    {
        return $this->entry->id;
    }

    public function isIntent(): bool
    {
        return $this->entry->state === AuditEntry::INTENT;
    }

    public function json(): string
    {
        return $this->entry->toJson();
    }

    /** A line for a person: time, service, request, result, duration, and correlation id. */
    public function text(): string
    {
        $record = $this->entry->record;
        $time = $record['duration_us'];
        $host = $record['host'] . ($record['port'] === 443 || $record['port'] === null ? '' : ':' . $record['port']);
        $what = trim($record['method'] . ' ' . $host . $record['path_template']);
        return implode('  ', [
            $record['timestamp'],
            $record['service_id'] ?? '-',
            $what === '' ? '-' : $what,
            $this->ending(),
            $time === null ? '-' : sprintf('%.1f ms', $time / 1000),
            $record['correlation_id'] ?? '-',
        ]);
    }

    /** "200", "failed timeout.total", or "begun" for an intent. */
    public function ending(): string
    {
        if ($this->isIntent()) {
            return 'begun';
        }
        $record = $this->entry->record;
        $isResponse = $this->entry->outcome === AuditEntry::RESPONSE;
        return $isResponse ? (string) $record['status'] : $this->entry->outcome . ' ' . $record['error_code'];
    }

    /** A line of an older release has no weight, and represents one call. */
    private static function weight(mixed $weight): int
    {
        return is_int($weight) && $weight >= 1 && $weight <= ServiceDefinition::MAX_AUDIT_SAMPLE ? $weight : 1;
    }

    /**
     * @param array<mixed> $map
     */
    private static function string(array $map, string $column): ?string
    {
        return is_string($map[$column] ?? null) ? $map[$column] : null;
    }
}
