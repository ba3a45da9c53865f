<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

/**
 * One value of a record that differs from the file.
 *
 * @internal
 */
final readonly class Difference
{
    public const SERVICE = 'service';
    public const SET = 'credential set';

    /**
     * @param string $record SERVICE or SET
     * @param string $field as the JSON registry calls it: "policy.timeout_ms"
     * @param mixed $was null if the record has none
     * @param mixed $now null if the record is to have none
     */
    public function __construct(
        public string $record,
        public string $id,
        public string $field,
        public mixed $was,
        public mixed $now,
    ) {
    }

    /**
     * What differs between two forms of a record.
     *
     * @param array<string, mixed> $was
     * @param array<string, mixed> $now
     * @return list<self>
     */
    public static function between(string $record, string $id, array $was, array $now): array
    {
        $was = self::flat($was);
        $now = self::flat($now);
        $differences = [];
        foreach (array_keys($now + $was) as $field) {
            if (($was[$field] ?? null) !== ($now[$field] ?? null)) {
                $differences[] = new self($record, $id, $field, $was[$field] ?? null, $now[$field] ?? null);
            }
        }
        return $differences;
    }

    /** A line for a person. */
    public function text(): string
    {
        $value = static fn (mixed $value): string => $value === null
            ? 'none'
            : (string) json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
        return "$this->record $this->id: $this->field: " . $value($this->was) . ' → ' . $value($this->now);
    }

    /**
     * @param array<mixed> $map
     * @return array<string, mixed> lists stay whole
     */
    private static function flat(array $map, string $prefix = ''): array
    {
        $flat = [];
        foreach ($map as $key => $value) {
            $flat += is_array($value) && !array_is_list($value)
                ? self::flat($value, "$prefix$key.")
                : ["$prefix$key" => $value];
        }
        return $flat;
    }
}
