<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\CredentialSetRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;

/**
 * Whether a stored service places the secrets that a caller of nr-vault's client wants placed, where it wants them. Rows that
 * are disabled count: a service that is off must not be called without it.
 *
 * @internal
 */
final class SetMatch
{
    /**
     * @param list<CredentialReference> $references
     */
    public static function places(ServiceRow $row, array $references): bool
    {
        if ($references === []) {
            return $row->sets === [];
        }
        foreach ($references as $reference) {
            $fitting = array_filter($row->sets, static fn (CredentialSetRow $set): bool => self::fits($set, $reference));
            if ($fitting === []) {
                return false;
            }
        }
        return true;
    }

    /**
     * Whether a set of the service holds one of these secrets, wherever it goes.
     *
     * @param list<string> $identifiers
     */
    public static function has(ServiceRow $row, array $identifiers): bool
    {
        foreach ($row->sets as $set) {
            if (in_array(self::identifier($set), $identifiers, true)) {
                return true;
            }
        }
        return false;
    }

    private static function fits(CredentialSetRow $set, CredentialReference $reference): bool
    {
        if (self::identifier($set) !== $reference->identifier || $reference->placement === null) {
            return false;
        }
        $place = self::place($reference->placement->type, $reference->placement->name, $reference->placement->prefix);
        return match (Cell::text($set->fields, 'type')) {
            CredentialReference::SECRET => $place === self::place(
                Cell::text($set->fields, 'placement'),
                Cell::text($set->fields, 'placement_name'),
                Cell::text($set->fields, 'placement_prefix'),
            ),
            CredentialReference::BEARER => $place === self::place(Placement::bearer()->type),
            CredentialReference::BASIC => $place === Placement::basic()->type,
            // The name of its header is sealed.
            CredentialReference::API_KEY => str_starts_with($place, 'header '),
            default => false,
        };
    }

    /** What is the same in a request is the same text. */
    private static function place(string $type, ?string $name = null, string $prefix = ''): string
    {
        return match ($type) {
            'bearer' => 'header authorization Bearer ',
            'api_key' => 'header x-api-key ',
            'header' => 'header ' . strtolower((string) $name) . ' ' . $prefix,
            'query', 'body_field' => "$type $name",
            default => $type,
        };
    }

    private static function identifier(CredentialSetRow $set): string
    {
        return Cell::text($set->secret ?? [], 'identifier');
    }
}
