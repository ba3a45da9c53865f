<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Statistics;

use Netresearch\NrSecureOutbound\Audit\AuditRows;
use Netresearch\NrSecureOutbound\Backend\Audit\AuditFilter;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\Database\Query\QueryBuilder;

/**
 * Counts of audit records. A record stands for as many calls as its weight says.
 *
 * @internal
 */
final readonly class AuditStatistics
{
    /**
     * Microseconds: durations are grouped by tenths of a millisecond, so that the database returns fewer rows than there are
     * calls.
     */
    private const RESOLUTION = 100;

    /** Seconds; the days of every time zone begin at a multiple of them. */
    private const SLOT = 900;

    /** Most days that are counted separately. */
    private const DAYS = 92;

    public function __construct(private ConnectionPool $connections)
    {
    }

    /**
     * @param int $since a time; the last call is found even if it was earlier
     * @return array<string, ServiceFigures> by the id of each service that has records
     */
    public function byService(int $since): array
    {
        $counts = $this->counts($this->query($since));
        $medians = $this->medians($this->query($since));
        $figures = [];
        foreach ($this->lastCalls() as $id => $last) {
            [$calls, $errors] = $counts[$id] ?? [0, 0];
            $figures[$id] = new ServiceFigures($calls, $errors, $medians[$id] ?? null, $last);
        }
        return $figures;
    }

    /**
     * The median time of each service whose calls were sent.
     *
     * @return array<string, int> microseconds
     */
    public function durations(AuditFilter $filter): array
    {
        $query = $this->query($filter->since());
        $filter->restrict($query);
        return $this->medians($query);
    }

    /**
     * Calls and errors of each day of the filter, including days without calls.
     *
     * @return array<string, array{int, int}> by date, in order
     */
    public function days(AuditFilter $filter): array
    {
        $until = $filter->until();
        $since = max($filter->since(), strtotime('-' . (self::DAYS - 1) . ' days 00:00', $until - 1));
        $days = [];
        for ($day = $since; $day < $until; $day = strtotime('+1 day', $day)) {
            $days[date('Y-m-d', $day)] = [0, 0];
        }
        $query = $this->query($since);
        $filter->restrict($query);
        $time = $query->quoteIdentifier('crdate');
        $query->addSelectLiteral("$time - $time % " . self::SLOT . ' AS ' . $query->quoteIdentifier('slot'));
        $query->addGroupBy('slot');
        foreach ($this->counted($query) as $row) {
            $day = date('Y-m-d', Cell::integer($row, 'slot'));
            [$calls, $errors] = $days[$day] ?? [0, 0];
            $days[$day] = [$calls + Cell::integer($row, 'calls'), $errors + Cell::integer($row, 'errors')];
        }
        return $days;
    }

    /**
     * @return array<string, int>
     */
    private function lastCalls(): array
    {
        $query = $this->query();
        $query->addSelectLiteral('MAX(' . $query->quoteIdentifier('crdate') . ') AS ' . $query->quoteIdentifier('last'));
        $last = [];
        foreach ($query->executeQuery()->fetchAllAssociative() as $row) {
            $last[Cell::text($row, 'service_id')] = Cell::integer($row, 'last');
        }
        return $last;
    }

    /**
     * @return array<string, array{int, int}> calls and errors
     */
    private function counts(QueryBuilder $query): array
    {
        $counts = [];
        foreach ($this->counted($query) as $row) {
            $counts[Cell::text($row, 'service_id')] = [Cell::integer($row, 'calls'), Cell::integer($row, 'errors')];
        }
        return $counts;
    }

    /**
     * @return list<array<string, mixed>>
     */
    private function counted(QueryBuilder $query): array
    {
        $success = $query->expr()->and(
            $query->expr()->eq('outcome', $query->createNamedParameter(AuditEntry::RESPONSE)),
            $query->expr()->lt('status', 400),
        );
        $weight = $query->quoteIdentifier('weight');
        $query->addSelectLiteral(
            "SUM($weight) AS " . $query->quoteIdentifier('calls'),
            "SUM(CASE WHEN $success THEN 0 ELSE $weight END) AS " . $query->quoteIdentifier('errors'),
        );
        return $query->executeQuery()->fetchAllAssociative();
    }

    /**
     * @return array<string, int> microseconds
     */
    private function medians(QueryBuilder $query): array
    {
        $time = $query->quoteIdentifier('duration_us');
        $rounded = "$time - $time % " . self::RESOLUTION;
        $query->addSelectLiteral(
            "$rounded AS " . $query->quoteIdentifier('duration'),
            'SUM(' . $query->quoteIdentifier('weight') . ') AS ' . $query->quoteIdentifier('calls'),
        );
        // A call that is refused before it is sent takes no time, and would make the service look fast.
        $query->andWhere($query->expr()->isNotNull('duration_us'), $query->expr()->in('outcome', [
            $query->createNamedParameter(AuditEntry::RESPONSE),
            $query->createNamedParameter(AuditEntry::FAILED),
        ]));
        $query->addGroupBy('duration');
        $weights = [];
        foreach ($query->executeQuery()->fetchAllAssociative() as $row) {
            $weights[Cell::text($row, 'service_id')][Cell::integer($row, 'duration')] = Cell::integer($row, 'calls');
        }
        return array_filter(array_map(WeightedMedian::of(...), $weights), is_int(...));
    }

    private function query(int $since = 0): QueryBuilder
    {
        $query = $this->connections->getQueryBuilderForTable(AuditRows::TABLE);
        return $query->select('service_id')->from(AuditRows::TABLE)
            ->where(
                $query->expr()->isNotNull('service_id'),
                $query->expr()->eq('state', $query->createNamedParameter(AuditEntry::COMPLETE)),
                $query->expr()->gte('crdate', $query->createNamedParameter($since, Connection::PARAM_INT)),
            )
            ->groupBy('service_id');
    }
}
