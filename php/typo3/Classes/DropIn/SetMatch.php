<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\CredentialSetRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;

/**
 * Whether a stored service places the secrets of a caller of nr-vault's client where the caller wants them. Disabled rows count
 * as well: the call of a disabled service must not be made as one without a service.
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
            // The name of the header is sealed with the secret.
            CredentialReference::API_KEY => str_starts_with($place, 'header '),
            default => false,
        };
    }

    /** Equal texts mean the same place in a request. */
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
