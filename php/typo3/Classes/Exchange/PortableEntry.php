<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Transport\CredentialReference;

/**
 * An entry of the JSON registry in the same form in every installation: keys in a fixed order, no key with its default value,
 * names in place of uids. Two entries with the same meaning have the same form.
 *
 * @internal
 */
final class PortableEntry
{
    /** Keys in their order, with their default values. */
    private const KEYS = [
        'base_url' => '',
        'policy' => [],
        'headers' => [],
        'idempotency_header' => '',
        'placeholder_headers' => [],
        'credentials' => [],
        'alternatives' => [],
        'technical_user' => '',
        'transport' => 'auto',
        'audit' => 'standard',
        'audit_sample' => 1,
        'test' => [],
        'description' => '',
    ];

    private const POLICY = [
        'allowed_methods' => [],
        'allowed_paths' => null,
        'allowed_hosts' => null,
        'allow_http' => false,
        'allow_encoded_slash' => false,
        'max_redirects' => 0,
        'max_attempts' => 1,
        'timeout_ms' => null,
        'idle_timeout_ms' => null,
        'request_bytes' => null,
        'response_bytes' => null,
        'http_versions' => null,
        'http3' => null,
        'breaker' => null,
    ];

    /**
     * @param array<mixed> $entry that a registry has accepted
     * @return array<string, mixed>
     */
    public static function of(array $entry): array
    {
        $entry = self::reduced($entry, self::KEYS);
        foreach (['policy' => self::policy(...), 'test' => self::test(...)] as $key => $form) {
            if (isset($entry[$key]) && is_array($entry[$key])) {
                $entry[$key] = $form($entry[$key]);
            }
        }
        foreach (['credentials' => self::credential(...), 'alternatives' => self::alternative(...)] as $key => $form) {
            if (isset($entry[$key]) && is_array($entry[$key])) {
                $entry[$key] = array_map($form, array_values(array_filter($entry[$key], is_array(...))));
            }
        }
        return $entry;
    }

    /**
     * @param array<mixed> $policy
     * @return array<string, mixed>
     */
    private static function policy(array $policy): array
    {
        $policy = self::reduced($policy, self::POLICY);
        if (isset($policy['breaker']) && is_array($policy['breaker'])) {
            $policy['breaker'] = self::reduced($policy['breaker'], ['failures' => null, 'open_ms' => null]);
        }
        return $policy;
    }

    /**
     * @param array<mixed> $test
     * @return array<string, mixed>
     */
    private static function test(array $test): array
    {
        return self::reduced($test, ['method' => null, 'path' => null]);
    }

    /**
     * @param array<mixed> $credential
     * @return array<string, mixed>
     */
    private static function credential(array $credential): array
    {
        $set = Cell::optionalText($credential, 'set');
        unset($credential['set']);
        if (is_string($credential['placement'] ?? null)) {
            $credential['placement'] = ['type' => $credential['placement']];
        }
        $wire = CredentialReference::fromWire($credential)->toWire();
        $placement = isset($wire['placement']) ? self::reduced($wire['placement'], ['type' => '', 'name' => '', 'prefix' => '']) : null;
        return array_filter(
            [
                'set' => $set,
                'identifier' => $wire['identifier'],
                'type' => $wire['type'],
                'placement' => $placement,
                'service' => $wire['service'] ?? null,
            ],
            static fn (mixed $part): bool => $part !== null,
        );
    }

    /**
     * @param array<mixed> $alternative
     * @return array<string, mixed>
     */
    private static function alternative(array $alternative): array
    {
        return self::reduced($alternative, ['secret_suffix' => null, 'base_url' => null]);
    }

    /**
     * @param array<mixed> $map
     * @param array<string, mixed> $known keys in their order, with their default values
     * @return array<string, mixed>
     */
    private static function reduced(array $map, array $known): array
    {
        $reduced = [];
        foreach ($known as $key => $without) {
            if (array_key_exists($key, $map) && $map[$key] !== $without && $map[$key] !== null) {
                $reduced[$key] = $map[$key];
            }
        }
        return $reduced;
    }
}
