<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Credential;

use Netresearch\NrSecureOutbound\Backend\Amounts;
use Netresearch\NrSecureOutbound\Backend\Service\CredentialWords;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use TYPO3\CMS\Core\Database\ConnectionPool;

/**
 * The stored credential sets as the module shows them. A binding that is sealed with a secret is not shown, since nothing is
 * opened here.
 *
 * @internal
 */
final readonly class CredentialSets
{
    /** An expiry within so many days is a warning. */
    private const SOON = 14;

    public function __construct(private ConnectionPool $connections, private ServiceRows $services)
    {
    }

    /**
     * @return list<array{
     *     uid: int,
     *     id: string,
     *     secret: string,
     *     place: string,
     *     problems: list<string>,
     *     services: list<array{uid: int, id: string, host: string}>,
     *     expires: string,
     *     severity: string
     * }>
     */
    public function all(): array
    {
        $uses = $this->uses();
        $sets = [];
        foreach ($this->rows() as $row) {
            $uid = Cell::integer($row, 'uid');
            $set = $this->services->credentialSet($uid);
            if ($set !== null) {
                $expires = Cell::integer($row, 'expires_at');
                $sets[] = ['uid' => $uid] + CredentialWords::of($set) + [
                    'services' => $uses[$uid] ?? [],
                    'expires' => $expires === 0 ? '' : Amounts::moment($expires),
                    'severity' => match (true) {
                        $expires === 0 => '',
                        $expires <= time() => 'danger',
                        $expires <= time() + self::SOON * 86400 => 'warning',
                        default => 'default',
                    },
                ];
            }
        }
        return $sets;
    }

    /**
     * The services that use each set, by its uid.
     *
     * @return array<int, list<array{uid: int, id: string, host: string}>>
     */
    private function uses(): array
    {
        $uses = [];
        foreach ($this->services->all() as $service) {
            $host = parse_url(Cell::text($service->fields, 'base_url'), PHP_URL_HOST);
            foreach ($service->sets as $set) {
                $uses[Cell::integer($set->fields, 'uid')][] = [
                    'uid' => $service->uid(),
                    'id' => $service->id(),
                    'host' => is_string($host) ? $host : '',
                ];
            }
        }
        return $uses;
    }

    /**
     * @return list<array<string, mixed>>
     */
    private function rows(): array
    {
        $query = $this->connections->getQueryBuilderForTable(ServiceRows::SETS);
        $query->getRestrictions()->removeAll();
        $on = $query->expr()->eq('secret.uid', $query->quoteIdentifier('credential_set.secret_uid'));
        return $query->select('credential_set.uid', 'secret.expires_at')
            ->from(ServiceRows::SETS, 'credential_set')
            ->leftJoin('credential_set', ServiceRows::SECRETS, 'secret', $on)
            ->where($query->expr()->eq('credential_set.deleted', 0))
            ->orderBy('credential_set.identifier')
            ->executeQuery()
            ->fetchAllAssociative();
    }
}
