<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Audit;

use Netresearch\NrSecureOutbound\Audit\AuditRows;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\Database\Query\QueryBuilder;

/**
 * Reads audit records, the newest first.
 *
 * @internal
 */
final readonly class AuditLog
{
    /** Columns of an export: the time of the row, and then the values of a record in their order. */
    public const COLUMNS = [
        'id', 'state', 'outcome', ...AuditEntry::RECORD, 'actor_type', 'actor_id', 'caller', 'request_id', 'weight',
    ];

    /** Rows that are read at a time for an export. */
    private const BATCH = 1000;

    public function __construct(private ConnectionPool $connections)
    {
    }

    /**
     * @return list<array<string, mixed>>
     */
    public function page(AuditFilter $filter, int $first, int $count): array
    {
        $query = $this->query($filter)->select('*')->orderBy('uid', 'DESC')->setFirstResult($first)->setMaxResults($count);
        return $query->executeQuery()->fetchAllAssociative();
    }

    public function count(AuditFilter $filter): int
    {
        $count = $this->query($filter)->count('uid')->executeQuery()->fetchOne();
        return is_numeric($count) ? (int) $count : 0;
    }

    /**
     * Every record that matches, without all of them being in memory.
     *
     * @return \Generator<int, array<string, mixed>>
     */
    public function all(AuditFilter $filter): \Generator
    {
        $before = PHP_INT_MAX;
        do {
            $query = $this->query($filter)->select('uid', ...self::COLUMNS)->orderBy('uid', 'DESC')->setMaxResults(self::BATCH);
            $query->andWhere($query->expr()->lt('uid', $query->createNamedParameter($before, Connection::PARAM_INT)));
            $rows = $query->executeQuery()->fetchAllAssociative();
            foreach ($rows as $row) {
                $before = Cell::integer($row, 'uid');
                unset($row['uid']);
                yield $row;
            }
        } while (count($rows) === self::BATCH);
    }

    /**
     * The services that have records, in order.
     *
     * @return list<string>
     */
    public function services(): array
    {
        $query = $this->connections->getQueryBuilderForTable(AuditRows::TABLE);
        $ids = $query->select('service_id')->from(AuditRows::TABLE)
            ->where($query->expr()->isNotNull('service_id'))
            ->groupBy('service_id')
            ->orderBy('service_id')
            ->executeQuery()
            ->fetchFirstColumn();
        return array_values(array_filter($ids, is_string(...)));
    }

    private function query(AuditFilter $filter): QueryBuilder
    {
        $query = $this->connections->getQueryBuilderForTable(AuditRows::TABLE);
        $query->from(AuditRows::TABLE);
        $filter->restrict($query);
        return $query;
    }
}
