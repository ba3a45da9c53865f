<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Registry;

use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use PHPUnit\Framework\Attributes\Test;
use TYPO3\CMS\Core\Configuration\Tca\TcaMigration;
use TYPO3\CMS\Core\Database\Schema\SchemaMigrator;
use TYPO3\CMS\Core\Database\Schema\SqlReader;

/**
 * The tables match TCA and ext_tables.sql, and TYPO3 finds nothing to migrate in either.
 */
final class SchemaTest extends OutboundTestCase
{
    private const TABLES = [
        'tx_nrvault_service',
        'tx_nrvault_credential_set',
        'tx_nrvault_service_credential_set_mm',
        'tx_nrvault_outbound_audit',
    ];

    #[Test]
    public function theDatabaseAnalyserProposesNothing(): void
    {
        self::assertSame([], $this->proposals($this->get(SqlReader::class)->getTablesDefinitionString()));
        foreach (self::TABLES as $table) {
            self::assertTrue(self::connections()->getConnectionForTable($table)->createSchemaManager()->tablesExist([$table]));
        }
    }

    /**
     * Without any of its lines, TYPO3 would make the column from TCA, and in another way.
     */
    #[Test]
    public function theFileSaysOnlyWhatTcaCannot(): void
    {
        $defined = $this->get(SqlReader::class)->getTablesDefinitionString();
        preg_match_all(
            '/^CREATE TABLE (' . implode('|', array_slice(self::TABLES, 0, 3)) . ') \((.*?)^\);/ms',
            (string) file_get_contents(__DIR__ . '/../../../ext_tables.sql'),
            $tables,
        );
        self::assertSame(array_slice(self::TABLES, 0, 2), $tables[1]);
        preg_match_all('/^\t(?!KEY)(\w+) .*,\n/m', implode('', $tables[2]), $columns, PREG_SET_ORDER);
        self::assertNotSame([], $columns);

        foreach ($columns as [$line, $column]) {
            self::assertSame(1, substr_count($defined, $line));
            self::assertStringContainsString($column, implode("\n", $this->proposals(str_replace($line, '', $defined))), $column);
        }
    }

    #[Test]
    public function largeNumbersAreStoredWhole(): void
    {
        $uid = $this->saveService('crm', [
            'timeout_ms' => 9007199254740991,
            'idle_timeout_ms' => 9007199254740991,
            'request_bytes' => 0,
            'response_bytes' => 9007199254740991,
            'max_redirects' => 4294967295,
            'breaker_failures' => 4294967295,
            'breaker_open_ms' => 86400000,
        ]);

        $row = $this->row(self::SERVICE, $uid);
        self::assertEquals(9007199254740991, $row['timeout_ms']);
        self::assertEquals(9007199254740991, $row['idle_timeout_ms']);
        self::assertEquals(0, $row['request_bytes']);
        self::assertNotNull($row['request_bytes']);
        self::assertEquals(9007199254740991, $row['response_bytes']);
        self::assertEquals(4294967295, $row['max_redirects']);
        self::assertEquals(4294967295, $row['breaker_failures']);
    }

    #[Test]
    public function nothingInTheFormsIsOutdated(): void
    {
        $tca = [];
        foreach (array_slice(self::TABLES, 0, 2) as $table) {
            $tca[$table] = require __DIR__ . '/../../../Configuration/TCA/' . $table . '.php';
        }
        $migration = $this->get(TcaMigration::class);
        /** @var mixed $result from version 14 on an object with the messages, before the TCA itself */
        $result = $migration->migrate($tca);
        $messages = call_user_func([is_object($result) ? $result : $migration, 'getMessages']);

        self::assertSame([], $messages);
    }

    /**
     * What the database analyser proposes for the extension's tables.
     *
     * @param string $defined SQL, as the files of all extensions have it together
     * @return list<string>
     */
    private function proposals(string $defined): array
    {
        $statements = $this->get(SqlReader::class)->getCreateTableStatementArray($defined);
        $migrator = $this->get(SchemaMigrator::class);
        $proposals = [];
        foreach ([$migrator->getUpdateSuggestions($statements), $migrator->getUpdateSuggestions($statements, true)] as $all) {
            array_walk_recursive($all, static function (mixed $value) use (&$proposals): void {
                $proposals[] = is_string($value) ? $value : '';
            });
        }
        return array_values(preg_grep('/' . implode('|', self::TABLES) . '/', $proposals) ?: []);
    }
}
