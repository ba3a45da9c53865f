<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Service;

use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\CredentialSetReader;
use Netresearch\NrSecureOutbound\Registry\CredentialSetRow;

/**
 * A credential set as the module shows it: where its secret goes, and what is wrong with it, but never the secret.
 *
 * @internal
 */
final class CredentialWords
{
    /**
     * @return array{id: string, secret: string, place: string, problems: list<string>}
     */
    public static function of(CredentialSetRow $set): array
    {
        $problems = [];
        foreach (CredentialSetReader::problems($set) as $column => $message) {
            $problems[] = trim($column === 'hidden' ? $message : "$column $message");
        }
        return [
            'id' => $set->id(),
            'secret' => Cell::text($set->secret ?? [], 'identifier'),
            'place' => self::place($set->fields),
            'problems' => $problems,
        ];
    }

    /**
     * @param array<string, mixed> $fields
     */
    private static function place(array $fields): string
    {
        $type = Cell::text($fields, 'type');
        if ($type !== 'secret') {
            return Labels::get('place.type.' . $type);
        }
        $place = Cell::text($fields, 'placement');
        $name = Cell::text($fields, 'placement_name');
        return match ($place) {
            'header' => Labels::get('place.header', $name, Cell::text($fields, 'placement_prefix')),
            'query', 'body_field' => Labels::get("place.$place", $name),
            default => Labels::get("place.$place"),
        };
    }
}
