<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration\Audit;

use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Audit\PdoSchema;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * The table and the columns in docs/audit.md are those of the code, and its examples run.
 */
final class AuditDocumentTest extends TestCase
{
    private const FILE = __DIR__ . '/../../../../docs/audit.md';

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('audit-document');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @dataProvider drivers
     */
    public function testTheTableIsTheOneThatIsMade(string $driver): void
    {
        $sql = implode(";\n", PdoAuditSink::schema($driver)) . ";\n";

        self::assertContains($sql, self::blocks('sql'));
    }

    public function testTheColumnsThatAnOlderTableLacksAreThoseThatAreAdded(): void
    {
        $older = array_diff(array_keys(AuditEntries::complete()->toArray()), ['attempt_errors', 'token_requests', 'sent']);
        $sql = implode(";\n", PdoSchema::additions(array_values($older))) . ";\n";

        self::assertContains($sql, self::blocks('sql'));
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function drivers(): iterable
    {
        yield 'MySQL' => ['mysql'];
        yield 'SQLite' => ['sqlite'];
    }

    public function testTheSinksAreMadeAsShown(): void
    {
        [$example] = self::blocks('php');
        self::assertSame(4, substr_count($example, '$sink = '));
        $log = $this->printed('require "' . __DIR__ . '/../../bootstrap.php";'
            . '$password = ""; $logger = new Psr\Log\NullLogger();' . $this->relocated($example)
            . '$sink->write(Netresearch\NrVault\Outbound\Tests\Support\AuditEntries::complete()); echo "written";');

        self::assertSame('written', $log);
    }

    public function testPurgeRunsAsShown(): void
    {
        self::assertSame("0 deleted\n", $this->printed($this->relocated(substr(self::blocks('php')[1], strlen('<?php')))));
    }

    public function testTheQuestionsAreAnswered(): void
    {
        $sink = new PdoAuditSink('sqlite:' . $this->directory->path . '/audit.db');
        $sink->createTable();
        $sink->begin(AuditEntries::intent('lost', '2026-11-21T21:00:00.000Z'));
        $questions = array_values(preg_grep('/^SELECT/', self::blocks('sql')) ?: []);
        $questions = array_filter(array_map(trim(...), explode(';', $questions[0])));
        self::assertCount(2, $questions);

        $database = new \PDO('sqlite:' . $this->directory->path . '/audit.db');
        self::assertSame([], $database->query($questions[0])->fetchAll(\PDO::FETCH_COLUMN));
        self::assertSame(['lost'], $database->query($questions[1])->fetchAll(\PDO::FETCH_COLUMN));
    }

    public function testTheLineHasTheColumnsAndTheTableNamesThem(): void
    {
        $columns = array_keys(AuditEntries::complete()->toArray());
        [$line] = self::blocks('json');
        preg_match('/^## Columns\n(.*?)^## /ms', (string) file_get_contents(self::FILE), $section);

        self::assertSame($columns, array_keys(json_decode($line, true, flags: JSON_THROW_ON_ERROR)));
        foreach ($columns as $column) {
            self::assertStringContainsString('`' . $column . '`', $section[1]);
        }
    }

    private function printed(string $code): string
    {
        $file = $this->directory->write('example.php', '<?php ' . $code);
        return Process::run(['php', $file])['output'];
    }

    private function relocated(string $example): string
    {
        return strtr($example, [
            '/var/log/secure-outbound' => $this->directory->path,
            '/var/lib/secure-outbound' => $this->directory->path,
            '/usr/local/share/secure-outbound/php' => dirname(__DIR__, 3),
        ]);
    }

    /**
     * @return list<string>
     */
    private static function blocks(string $language): array
    {
        preg_match_all(
            '/^```' . $language . '\n(.*?)^```$/ms',
            (string) file_get_contents(self::FILE),
            $blocks,
        );
        return $blocks[1];
    }
}
