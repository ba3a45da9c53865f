<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Doctrine\DBAL\Connection;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;

/**
 * What a TYPO3 has stored, in its database and in files: the places where a copy of a secret could be.
 */
final class Stored
{
    /** All values of all tables; those of caches are decompressed. */
    public static function inTables(Connection $database): string
    {
        $text = '';
        foreach ($database->createSchemaManager()->listTableNames() as $table) {
            foreach ($database->fetchAllNumeric('SELECT * FROM ' . $database->quoteIdentifier($table)) as $row) {
                foreach ($row as $value) {
                    $value = is_scalar($value) ? (string) $value : '';
                    $text .= "\n" . $value . "\n" . @gzuncompress($value);
                }
            }
        }
        return $text;
    }

    /**
     * @param list<string> $directories
     * @return array{list<string>, int} the files that hold a secret, and how many were read; assets of packages are left out
     */
    public static function inFiles(array $directories, Search $search): array
    {
        $found = [];
        $read = 0;
        foreach ($directories as $directory) {
            $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($directory, \FilesystemIterator::SKIP_DOTS));
            foreach ($files as $file) {
                if (!$file instanceof \SplFileInfo || !$file->isFile() || str_contains($file->getPathname(), '/public/_assets/')) {
                    continue;
                }
                ++$read;
                if ($search->inText((string) file_get_contents($file->getPathname())) !== []) {
                    $found[] = $file->getPathname();
                }
            }
        }
        return [$found, $read];
    }
}
