<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\Database\Query\QueryBuilder;

/**
 * Reads stored services with their credential sets, secrets and technical users in one statement. Disabled rows are included,
 * deleted ones are not.
 *
 * @internal
 */
final readonly class ServiceRows
{
    public const TABLE = 'tx_nrvault_service';
    public const SETS = 'tx_nrvault_credential_set';
    public const SECRETS = 'tx_nrvault_secret';

    private const RELATION = 'tx_nrvault_service_credential_set_mm';

    /** Columns that are read with the service, by the alias of their table. */
    private const JOINED = [
        'credential_set' => [
            'uid', 'deleted', 'hidden', 'identifier', 'secret_uid', 'type', 'placement', 'placement_name', 'placement_prefix',
            'service',
        ],
        'secret' => ['uid', 'identifier', 'adapter', 'deleted'],
        'technical_user' => ['uid', 'username', 'admin', 'disable', 'deleted'],
    ];

    public function __construct(private ConnectionPool $connections)
    {
    }

    /**
     * @return list<ServiceRow> several if rows have the same id
     */
    public function withId(string $id): array
    {
        $query = $this->query();
        $query->andWhere($query->expr()->eq('service.identifier', $query->createNamedParameter($id)));
        // For the collation of a database, ids with different spellings may be equal.
        return array_values(array_filter(
            $this->rows($query),
            static fn (ServiceRow $row): bool => $row->id() === $id,
        ));
    }

    public function withUid(int $uid): ?ServiceRow
    {
        $query = $this->query();
        $query->andWhere($query->expr()->eq('service.uid', $query->createNamedParameter($uid, Connection::PARAM_INT)));
        return $this->rows($query)[0] ?? null;
    }

    /**
     * @return list<ServiceRow>
     */
    public function all(): array
    {
        return $this->rows($this->query());
    }

    /**
     * Services whose base URL begins with this text, and all rows with the same id as one of them. The result may contain others.
     *
     * @param string $beginning "https://api.example.com"
     * @return list<ServiceRow>
     */
    public function beginning(string $beginning): array
    {
        $query = $this->query();
        $same = $this->connections->getQueryBuilderForTable(self::TABLE);
        $same->getRestrictions()->removeAll();
        $same->select('same.identifier')->from(self::TABLE, 'same')->where(
            $same->expr()->eq('same.deleted', 0),
            // In LIKE, "_" matches any character: that only adds rows to the result.
            'LOWER(' . $same->quoteIdentifier('same.base_url') . ') LIKE ' . $query->createNamedParameter(strtolower($beginning) . '%'),
        );
        $query->andWhere($query->quoteIdentifier('service.identifier') . ' IN (' . $same->getSQL() . ')');
        return $this->rows($query);
    }

    /**
     * @return list<string> every id, in order
     */
    public function ids(): array
    {
        $query = $this->connections->getQueryBuilderForTable(self::TABLE);
        $query->getRestrictions()->removeAll();
        $query->select('identifier')->from(self::TABLE)->where($query->expr()->eq('deleted', 0))->orderBy('identifier');
        $ids = $query->executeQuery()->fetchFirstColumn();
        return array_values(array_unique(array_filter($ids, is_string(...))));
    }

    public function credentialSet(int $uid): ?CredentialSetRow
    {
        $query = $this->sets();
        $query->where($query->expr()->eq('credential_set.uid', $query->createNamedParameter($uid, Connection::PARAM_INT)));
        $row = $query->executeQuery()->fetchAssociative();
        return $row === false ? null : self::set($row);
    }

    /**
     * @return list<CredentialSetRow> that are not deleted
     */
    public function credentialSets(): array
    {
        $query = $this->sets();
        $query->where($query->expr()->eq('credential_set.deleted', 0))
            ->orderBy('credential_set.identifier')
            ->addOrderBy('credential_set.uid');
        return array_map(self::set(...), $query->executeQuery()->fetchAllAssociative());
    }

    private function sets(): QueryBuilder
    {
        $query = $this->connections->getQueryBuilderForTable(self::SETS);
        $query->getRestrictions()->removeAll();
        foreach (['credential_set', 'secret'] as $alias) {
            self::selectPart($query, $alias);
        }
        return $query->from(self::SETS, 'credential_set')
            ->leftJoin('credential_set', self::SECRETS, 'secret', self::on($query, 'secret.uid', 'credential_set.secret_uid'));
    }

    private function query(): QueryBuilder
    {
        $query = $this->connections->getQueryBuilderForTable(self::TABLE);
        $query->getRestrictions()->removeAll();
        $query->select('service.*')->from(self::TABLE, 'service');
        foreach (array_keys(self::JOINED) as $alias) {
            self::selectPart($query, $alias);
        }
        $join = static fn (string $left, string $right): string => self::on($query, $left, $right);
        return $query
            ->addSelect('relation.uid_foreign AS relation__uid_foreign')
            ->leftJoin('service', self::RELATION, 'relation', $join('relation.uid_local', 'service.uid'))
            ->leftJoin('relation', self::SETS, 'credential_set', $join('credential_set.uid', 'relation.uid_foreign'))
            ->leftJoin('credential_set', self::SECRETS, 'secret', $join('secret.uid', 'credential_set.secret_uid'))
            ->leftJoin('service', 'be_users', 'technical_user', $join('technical_user.uid', 'service.technical_user'))
            ->where($query->expr()->eq('service.deleted', 0))
            ->orderBy('service.identifier')
            ->addOrderBy('service.uid')
            ->addOrderBy('relation.sorting');
    }

    private static function on(QueryBuilder $query, string $left, string $right): string
    {
        return $query->expr()->eq($left, $query->quoteIdentifier($right));
    }

    private static function selectPart(QueryBuilder $query, string $alias): void
    {
        foreach (self::JOINED[$alias] as $column) {
            $query->addSelect("$alias.$column AS {$alias}__$column");
        }
        if ($alias === 'credential_set') {
            $name = $query->quoteIdentifier(...);
            $query->addSelectLiteral(
                "(SELECT MIN({$name('twin.uid')}) FROM {$name(self::SETS)} {$name('twin')}"
                . " WHERE {$name('twin.identifier')} = {$name('credential_set.identifier')} AND {$name('twin.deleted')} = 0"
                . " AND {$name('twin.uid')} <> {$name('credential_set.uid')}) AS {$name('credential_set__twin')}",
            );
        }
    }

    /**
     * @return list<ServiceRow>
     */
    private function rows(QueryBuilder $query): array
    {
        $services = [];
        foreach ($query->executeQuery()->fetchAllAssociative() as $row) {
            $services[Cell::integer($row, 'uid')][] = $row;
        }
        return array_map(self::service(...), array_values($services));
    }

    /**
     * @param non-empty-list<array<string, mixed>> $rows of one service, one for each of its credential sets
     */
    private static function service(array $rows): ServiceRow
    {
        $sets = [];
        foreach ($rows as $row) {
            if (isset($row['relation__uid_foreign'])) {
                $sets[] = self::set($row);
            }
        }
        $user = self::part($rows[0], 'technical_user');
        $isColumn = static fn (string $name): bool => !str_contains($name, '__');
        return new ServiceRow(
            array_filter($rows[0], $isColumn, ARRAY_FILTER_USE_KEY),
            $sets,
            isset($user['uid']) ? $user : null,
        );
    }

    /**
     * @param array<string, mixed> $row
     */
    private static function set(array $row): CredentialSetRow
    {
        $secret = self::part($row, 'secret');
        $fields = self::part($row, 'credential_set') + ['twin' => $row['credential_set__twin'] ?? null];
        return new CredentialSetRow($fields, isset($secret['uid']) ? $secret : null);
    }

    /**
     * @param array<string, mixed> $row
     * @return array<string, mixed>
     */
    private static function part(array $row, string $alias): array
    {
        $part = [];
        foreach (self::JOINED[$alias] as $column) {
            $part[$column] = $row["{$alias}__$column"] ?? null;
        }
        return $part;
    }
}
