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
        $statements = $this->get(SqlReader::class)->getCreateTableStatementArray(
            $this->get(SqlReader::class)->getTablesDefinitionString(),
        );
        $migrator = $this->get(SchemaMigrator::class);
        $proposals = [];
        foreach ([$migrator->getUpdateSuggestions($statements), $migrator->getUpdateSuggestions($statements, true)] as $all) {
            array_walk_recursive($all, static function (mixed $value) use (&$proposals): void {
                $proposals[] = is_string($value) ? $value : '';
            });
        }
        $ours = array_filter(
            $proposals,
            static fn (string $sql): bool => preg_match('/' . implode('|', self::TABLES) . '/', $sql) === 1,
        );

        self::assertSame([], array_values($ours));
        foreach (self::TABLES as $table) {
            self::assertTrue(self::connections()->getConnectionForTable($table)->createSchemaManager()->tablesExist([$table]));
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
}
