<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * A portable entry as the columns of a record.
 *
 * @internal
 */
final class RowColumns
{
    /**
     * The columns of a service, without its relations.
     *
     * @param array<string, mixed> $entry
     * @return array<string, string|int|null>
     */
    public static function ofService(string $id, array $entry): array
    {
        $entry = new JsonObject($entry);
        $policy = $entry->object('policy');
        $breaker = $policy->has('breaker') ? $policy->object('breaker') : null;
        $test = $entry->has('test') ? $entry->object('test') : null;
        $number = static fn (string $key): ?int => $policy->has($key) ? $policy->int($key) : null;
        $lines = static fn (JsonObject $map, string $key): ?string => $map->has($key) ? implode("\n", $map->strings($key)) : null;
        return [
            'identifier' => $id,
            'base_url' => $entry->string('base_url'),
            'allowed_methods' => implode(',', $policy->strings('allowed_methods')),
            'allowed_paths' => $lines($policy, 'allowed_paths'),
            'allowed_hosts' => $lines($policy, 'allowed_hosts'),
            'allow_http' => $policy->has('allow_http') ? 1 : 0,
            'allow_encoded_slash' => $policy->has('allow_encoded_slash') ? 1 : 0,
            'max_redirects' => $policy->int('max_redirects', 0),
            'max_attempts' => $policy->int('max_attempts', 1),
            'timeout_ms' => $number('timeout_ms'),
            'idle_timeout_ms' => $number('idle_timeout_ms'),
            'request_bytes' => $number('request_bytes'),
            'response_bytes' => $number('response_bytes'),
            'http_versions' => implode(',', $policy->strings('http_versions', [])),
            'http3' => $policy->stringOrNull('http3') ?? 'none',
            'breaker_failures' => $breaker?->int('failures'),
            'breaker_open_ms' => $breaker?->int('open_ms'),
            'alternatives' => $entry->has('alternatives') ? self::alternatives($entry->objects('alternatives')) : '',
            'headers' => $entry->has('headers') ? self::headers($entry->object('headers')) : '',
            'placeholder_headers' => (string) $lines($entry, 'placeholder_headers'),
            'idempotency_header' => $entry->string('idempotency_header', ''),
            'transport' => $entry->string('transport', 'auto'),
            'audit' => $entry->string('audit', 'standard'),
            'audit_sample' => $entry->int('audit_sample', 1),
            'test_method' => $test?->string('method') ?? '',
            'test_path' => $test?->string('path') ?? '',
            'description' => $entry->string('description', ''),
        ];
    }

    /**
     * The columns of a credential set, without its secret.
     *
     * @param array<string, mixed> $set
     * @return array<string, string|int>
     */
    public static function ofSet(string $id, array $set): array
    {
        $set = new JsonObject($set);
        $placement = $set->has('placement') ? $set->object('placement') : null;
        return [
            'identifier' => $id,
            'type' => $set->string('type'),
            'placement' => $placement?->string('type') ?? 'bearer',
            'placement_name' => $placement?->string('name', '') ?? '',
            'placement_prefix' => $placement?->string('prefix', '') ?? '',
            'service' => $set->string('service', ''),
        ];
    }

    private static function headers(JsonObject $headers): string
    {
        return implode("\n", array_map(
            static fn (string $name): string => $name . ': ' . $headers->string($name),
            $headers->names(),
        ));
    }

    /**
     * @param list<JsonObject> $alternatives
     */
    private static function alternatives(array $alternatives): string
    {
        return implode("\n", array_map(
            static fn (JsonObject $one): string => $one->string('secret_suffix') . ' ' . $one->string('base_url'),
            $alternatives,
        ));
    }
}
