<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;

/**
 * Turns a stored credential set into an entry of "credentials" of the JSON registry, or says what is wrong with it.
 *
 * @internal
 */
final class CredentialSetReader
{
    private const NAMED = ['header', 'query', 'body_field'];

    /**
     * @return array<string, mixed>
     */
    public static function entry(CredentialSetRow $set): array
    {
        $type = Cell::text($set->fields, 'type');
        $service = $type === CredentialReference::AWS_SIGV4 ? Cell::text($set->fields, 'service') : '';
        return [
            'identifier' => Cell::text($set->secret ?? [], 'identifier'),
            'type' => $type,
            'set' => $set->id(),
        ]
            + ($type === 'secret' ? ['placement' => self::placement($set->fields)] : [])
            + ($service === '' ? [] : ['service' => $service]);
    }

    /**
     * Problems by column; "" stands for the set itself.
     *
     * @return array<string, string>
     */
    public static function problems(CredentialSetRow $set): array
    {
        if (Cell::integer($set->fields, 'uid') === 0 || Cell::integer($set->fields, 'deleted') !== 0) {
            return ['' => 'is deleted'];
        }
        $problems = [];
        if (Cell::integer($set->fields, 'hidden') !== 0) {
            $problems['hidden'] = 'is disabled';
        }
        if (preg_match(ServiceDefinition::ID, $set->id()) !== 1) {
            $problems['identifier'] = 'is no id: a lower-case letter and 1 to 63 of a-z 0-9 . _ - after it';
        }
        $twin = Cell::integer($set->fields, 'twin');
        if ($twin !== 0) {
            $problems['identifier'] = "is the id of the record with uid $twin as well: both are disabled";
        }
        return $problems + self::secretProblems($set->secret) + self::placementProblems($set->fields);
    }

    /**
     * @param array<string, mixed>|null $secret
     * @return array<string, string>
     */
    private static function secretProblems(?array $secret): array
    {
        if ($secret === null || Cell::integer($secret, 'deleted') !== 0) {
            return ['secret_uid' => 'names no secret of nr-vault, or one that is deleted'];
        }
        return Cell::text($secret, 'adapter') === 'local' ? [] : [
            'secret_uid' => 'names a secret that nr-vault does not keep itself; only those can be handed out sealed',
        ];
    }

    /**
     * @param array<string, mixed> $fields
     * @return array<string, string>
     */
    private static function placementProblems(array $fields): array
    {
        $type = Cell::text($fields, 'type');
        if ($type === CredentialReference::AWS_SIGV4 && preg_match('/\A[a-z0-9-]*\z/', Cell::text($fields, 'service')) !== 1) {
            return ['service' => 'is no name of a service of AWS: lower-case letters, digits and hyphens, such as s3'];
        }
        if ($type !== 'secret') {
            return [];
        }
        $isNamed = in_array(Cell::text($fields, 'placement'), self::NAMED, true);
        return $isNamed && Cell::text($fields, 'placement_name') === ''
            ? ['placement_name' => 'is missing: it is the name of the header, parameter or field']
            : [];
    }

    /**
     * @param array<string, mixed> $fields
     * @return array<string, string>
     */
    private static function placement(array $fields): array
    {
        $type = Cell::text($fields, 'placement');
        $placement = ['type' => $type];
        if (in_array($type, self::NAMED, true)) {
            $placement['name'] = Cell::text($fields, 'placement_name');
        }
        if ($type === 'header' && Cell::text($fields, 'placement_prefix') !== '') {
            $placement['prefix'] = Cell::text($fields, 'placement_prefix');
        }
        return $placement;
    }
}
