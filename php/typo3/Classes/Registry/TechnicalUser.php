<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrSecureOutbound\Configuration\ConfVars;
use Netresearch\NrSecureOutbound\Vault\InstalledVault;

/**
 * The user whose rights apply when a service's secrets are read. A user who may read everything is not accepted: every caller of
 * the service would read secrets with all rights.
 *
 * @internal
 */
final readonly class TechnicalUser
{
    public function __construct(private InstalledVault $vault)
    {
    }

    /**
     * What is wrong with a service's technical user; null if the user is valid, or if the service has none.
     */
    public function problem(ServiceRow $row): ?string
    {
        $uid = Cell::integer($row->fields, 'technical_user');
        if ($uid === 0) {
            return null;
        }
        if (!$this->vault->hasTechnicalUsers()) {
            return 'needs an nr-vault that knows technical users: nr-vault ' . $this->vault->version() . ' does not, 1.0 does';
        }
        $user = $row->technicalUser;
        return match (true) {
            $user === null || Cell::integer($user, 'deleted') !== 0 => 'names a backend user that is not there',
            Cell::integer($user, 'disable') !== 0 => 'names a backend user that is disabled',
            Cell::integer($user, 'admin') !== 0 => 'names an administrator: take a user with the rights of this service alone',
            in_array($uid, self::systemMaintainers(), true) => 'names a system maintainer: take a user with the rights of this service alone',
            default => null,
        };
    }

    /**
     * @return list<int>
     */
    public static function systemMaintainers(): array
    {
        $uids = ConfVars::at('SYS', 'systemMaintainers');
        return array_values(array_map(
            static fn (mixed $uid): int => is_numeric($uid) ? (int) $uid : 0,
            is_array($uids) ? $uids : [],
        ));
    }
}
