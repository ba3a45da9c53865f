<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Doctrine\DBAL\ArrayParameterType;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use TYPO3\CMS\Core\Database\ConnectionPool;

/**
 * The secrets and users of this installation, found by the names in a file.
 *
 * @internal
 */
final readonly class Known
{
    public function __construct(private ConnectionPool $connections)
    {
    }

    /**
     * @param list<string> $identifiers
     * @return array<string, array<string, mixed>> by identifier
     */
    public function secrets(array $identifiers): array
    {
        return $this->rows(ServiceRows::SECRETS, 'identifier', $identifiers, ['uid', 'identifier', 'adapter', 'deleted']);
    }

    /**
     * @param list<string> $names
     * @return array<string, array<string, mixed>> by name
     */
    public function users(array $names): array
    {
        return $this->rows('be_users', 'username', $names, ['uid', 'username', 'admin', 'disable', 'deleted']);
    }

    /**
     * @param list<string> $names
     * @param list<string> $columns
     * @return array<string, array<string, mixed>>
     */
    private function rows(string $table, string $key, array $names, array $columns): array
    {
        $query = $this->connections->getQueryBuilderForTable($table);
        $query->getRestrictions()->removeAll();
        $query->select(...$columns)->from($table)->where(
            $query->expr()->eq('deleted', 0),
            $query->expr()->in($key, $query->createNamedParameter($names === [] ? [''] : $names, ArrayParameterType::STRING)),
        );
        $rows = [];
        foreach ($query->executeQuery()->fetchAllAssociative() as $row) {
            $rows[Cell::text($row, $key)] = $row;
        }
        // For the collation of a database, names with different spellings may be equal.
        return array_intersect_key($rows, array_flip($names));
    }
}
