<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;

/**
 * Turns a stored service into an entry of the JSON registry, which the library's own reader then checks. Only values that a row
 * has and a file does not have are checked here.
 *
 * @internal
 */
final readonly class RowReader
{
    /** The id that calls of nr-vault's HTTP client without a stored service are recorded under. */
    public const RESERVED = 'nr-vault-http';

    public function __construct(private TechnicalUser $technicalUser)
    {
    }

    public function read(ServiceRow $row): RowReading
    {
        $id = $row->id();
        $fields = $row->fields;
        $headers = HeaderLines::read(Cell::text($fields, 'headers'));
        $problems = $row->isHidden() ? ['hidden' => ['is set: the row is disabled']] : [];
        $problems['identifier'] = $id === self::RESERVED
            ? ["is reserved for calls of nr-vault's HTTP client that belong to no service."]
            : [];
        $problems['headers'] = $headers->problems;
        $problems['credential_sets'] = self::credentialProblems($row->sets);
        $isHalf = isset($fields['breaker_failures']) !== isset($fields['breaker_open_ms']);
        $technicalUser = $this->technicalUser->problem($row);
        $problems['technical_user'] = $technicalUser === null ? [] : [$technicalUser];
        $problems['breaker_failures'] = $isHalf ? ['and the pause belong together: set both or none.'] : [];

        $entry = array_filter([
            'base_url' => Cell::text($fields, 'base_url'),
            'policy' => self::policy($fields),
            'headers' => $headers->headers,
            'idempotency_header' => Cell::text($fields, 'idempotency_header'),
            'placeholder_headers' => Cell::lines($fields, 'placeholder_headers'),
            'credentials' => self::credentials($row->sets),
            'alternatives' => self::alternatives($fields),
            'technical_user' => $technicalUser === null ? Cell::integer($fields, 'technical_user') : 0,
            'transport' => Cell::text($fields, 'transport'),
            'audit' => Cell::text($fields, 'audit'),
            'audit_sample' => Cell::integer($fields, 'audit_sample'),
            'test' => self::test($fields),
            'description' => Cell::text($fields, 'description'),
        ], static fn (mixed $value): bool => $value !== '' && $value !== [] && $value !== 0);
        return new RowReading($id, $entry, [
            ...self::own($id, $problems),
            ...(new ArrayServiceRegistry([$id => $entry]))->problems(),
        ]);
    }

    /**
     * @param array<string, mixed> $fields
     * @return array<string, mixed>
     */
    private static function policy(array $fields): array
    {
        $methods = explode(',', Cell::text($fields, 'allowed_methods'));
        [$versions, $http3] = [Cell::text($fields, 'http_versions'), Cell::text($fields, 'http3')];
        $failures = Cell::optionalInteger($fields, 'breaker_failures');
        $pause = Cell::optionalInteger($fields, 'breaker_open_ms');
        $list = static fn (string $column): ?array
            => Cell::optionalText($fields, $column) === null ? null : Cell::lines($fields, $column);
        return array_filter([
            'allowed_methods' => array_values(array_filter($methods, static fn (string $method): bool => $method !== '')),
            'allowed_hosts' => $list('allowed_hosts'),
            'allowed_paths' => $list('allowed_paths'),
            'allow_http' => Cell::integer($fields, 'allow_http') !== 0,
            'allow_encoded_slash' => Cell::integer($fields, 'allow_encoded_slash') !== 0,
            'max_redirects' => Cell::integer($fields, 'max_redirects'),
            'max_attempts' => Cell::integer($fields, 'max_attempts'),
            'breaker' => $failures === null || $pause === null ? null : ['failures' => $failures, 'open_ms' => $pause],
            'timeout_ms' => Cell::optionalInteger($fields, 'timeout_ms'),
            'idle_timeout_ms' => Cell::optionalInteger($fields, 'idle_timeout_ms'),
            'request_bytes' => Cell::optionalInteger($fields, 'request_bytes'),
            'response_bytes' => Cell::optionalInteger($fields, 'response_bytes'),
            'http_versions' => $versions === '' ? null : explode(',', $versions),
            'http3' => in_array($http3, ['', 'none'], true) ? null : $http3,
        ], static fn (mixed $value): bool => $value !== null);
    }

    /**
     * @param array<string, mixed> $fields
     * @return list<array{secret_suffix: string, base_url: string}>
     */
    private static function alternatives(array $fields): array
    {
        $alternatives = [];
        foreach (Cell::lines($fields, 'alternatives') as $line) {
            $parts = preg_split('/\s+/', $line, 2);
            $alternatives[] = ['secret_suffix' => $parts[0] ?? '', 'base_url' => $parts[1] ?? ''];
        }
        return $alternatives;
    }

    /**
     * @param array<string, mixed> $fields
     * @return array<string, string>
     */
    private static function test(array $fields): array
    {
        $method = Cell::text($fields, 'test_method');
        return $method === '' ? [] : ['method' => $method, 'path' => Cell::text($fields, 'test_path')];
    }

    /**
     * @param list<CredentialSetRow> $sets
     * @return list<array<string, mixed>>
     */
    private static function credentials(array $sets): array
    {
        $sound = array_filter($sets, static fn (CredentialSetRow $set): bool => CredentialSetReader::problems($set) === []);
        return array_map(CredentialSetReader::entry(...), array_values($sound));
    }

    /**
     * @param list<CredentialSetRow> $sets
     * @return list<string>
     */
    private static function credentialProblems(array $sets): array
    {
        $problems = [];
        foreach ($sets as $set) {
            $name = $set->id() === '' ? 'the credential set' : 'the credential set "' . $set->id() . '"';
            foreach (CredentialSetReader::problems($set) as $column => $message) {
                $problems[] = match ($column) {
                    '', 'hidden' => "$name $message",
                    default => "$name: $column $message",
                };
            }
        }
        return $problems;
    }

    /**
     * @param array<string, list<string>> $problems by column
     * @return list<RegistryProblem>
     */
    private static function own(string $id, array $problems): array
    {
        $list = [];
        foreach ($problems as $column => $messages) {
            foreach ($messages as $message) {
                $list[] = new RegistryProblem($id, $column, $message);
            }
        }
        return $list;
    }
}
