<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrVault\Outbound\Tests\Support\Server\MariaDb;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * An installation that gets the extension: TYPO3's own command makes the tables, and its database analyser is content with them.
 */
final class SetupTest extends TestCase
{
    /** In the order in which they can be dropped. */
    private const TABLES = [
        'tx_nrvault_service_credential_set_mm',
        'tx_nrvault_service',
        'tx_nrvault_credential_set',
        'tx_nrvault_outbound_audit',
    ];

    /**
     * @return array<string, array{bool}>
     */
    public static function databases(): array
    {
        return ['SQLite' => [false], 'MariaDB' => [true]];
    }

    #[Test]
    #[DataProvider('databases')]
    public function afterItTheDatabaseAnalyserProposesNothing(bool $isMariaDb): void
    {
        $server = $isMariaDb ? new MariaDb() : null;
        $site = new Site($isMariaDb ? 'setup-mariadb' : 'setup', dsn: $server?->dsn);
        try {
            $database = $server?->connection() ?? new \PDO('sqlite:' . (glob($site->path . '/var/sqlite/*.sqlite') ?: [''])[0]);
            foreach (self::TABLES as $table) {
                $database->exec("DROP TABLE $table");
            }
            unset($database);
            $missing = self::proposals($site);
            foreach (self::TABLES as $table) {
                self::assertMatchesRegularExpression("/CREATE TABLE \W+$table\\b/", $missing);
            }

            $site->typo3('extension:setup');

            self::assertSame('[]', self::proposals($site));
        } finally {
            $site->remove();
            $server?->stop();
        }
    }

    /** The statements that the analyser proposes for the extension's tables, as JSON. */
    private static function proposals(Site $site): string
    {
        return $site->typo3('outbound-test:schema', ...self::TABLES);
    }
}
