<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;

/**
 * The audit log: what is shown, filtered, counted and exported.
 */
final class AuditTest extends ModuleTestCase
{
    private const PAGE = self::ROUTE . '.audit';
    private const EXPORT = self::ROUTE . '.export';

    #[Test]
    public function aCallIsShownWithAllThatIsKnownOfIt(): void
    {
        $this->serviceWithSecret('crm', 'tok-c4n4ry', ['allowed_paths' => '/v1/echo']);
        $this->call('crm');
        self::failure(fn () => $this->call('crm', 'GET', '/other'));

        $response = $this->open(self::PAGE);
        $page = self::text($response);

        self::assertStringContainsString('2 records', $page);
        self::assertMatchesRegularExpression('~crm GET localhost:\d+/v1/echo Details .* sent yes transport rust-ffi .* Response 200~', $page);
        self::assertStringContainsString('Refused policy.path_not_allowed', $page);
        self::assertStringContainsString('error_code policy.path_not_allowed sent no transport', $page);
        self::assertStringContainsString('credentials ["crm_token"]', $page);
        self::assertStringNotContainsString('tok-c4n4ry', (string) $response->getBody());
    }

    /**
     * @return array<string, array{array<string, string>, list<string>}>
     */
    public static function filters(): array
    {
        return [
            'none: of 30 days' => [[], ['error', 'failed', 'refused', 'good']],
            'a service' => [['service_id' => 'crm'], ['error', 'good']],
            'an outcome' => [['outcome' => 'refused'], ['refused']],
            'what was only begun' => [['outcome' => 'intent'], []],
            'a status' => [['status' => '503'], ['error']],
            'a class of them' => [['status' => '2xx'], ['good']],
            'a code' => [['code' => 'timeout.total'], ['failed']],
            'a class of codes' => [['code' => 'policy'], ['refused']],
            'a call' => [['correlation' => 'good'], ['good']],
            'since a day' => [['since' => '2001-01-01'], ['error', 'failed', 'refused', 'good', 'old']],
            'through a day' => [['since' => '2001-01-01', 'until' => date('Y-m-d', time() - 40 * 86400)], ['old']],
            'several' => [['service_id' => 'crm', 'status' => '5xx'], ['error']],
            'what is none' => [['status' => "5' OR 1=1", 'since' => 'x', 'outcome' => 'x'], ['error', 'failed', 'refused', 'good']],
        ];
    }

    /**
     * @param array<string, string> $query
     * @param list<string> $shown
     */
    #[Test]
    #[DataProvider('filters')]
    public function recordsAreFiltered(array $query, array $shown): void
    {
        $this->record('crm', ['correlation_id' => 'old', 'crdate' => time() - 40 * 86400]);
        $this->record('crm', ['correlation_id' => 'good']);
        $this->record('bank', ['correlation_id' => 'refused', 'status' => null, 'outcome' => 'refused', 'error_class' => 'policy']);
        $this->record('bank', [
            'correlation_id' => 'failed',
            'status' => null,
            'outcome' => 'failed',
            'error_class' => 'timeout',
            'error_code' => 'timeout.total',
        ]);
        $this->record('crm', ['correlation_id' => 'error', 'status' => 503]);

        $page = self::text($this->open(self::PAGE, $query));

        preg_match_all('/correlation_id (\w+)/', $page, $match);
        self::assertSame($shown, $match[1]);
        self::assertSame($shown, array_column($this->exported($query), 'correlation_id'));
    }

    #[Test]
    public function fiftyAreOnAPage(): void
    {
        for ($call = 1; $call <= 101; $call++) {
            $this->record('crm', ['correlation_id' => "call-$call"]);
        }
        $first = $this->open(self::PAGE, ['service_id' => 'crm']);

        self::assertSame(range(101, 52), $this->calls(self::text($first)));
        self::assertStringContainsString('101 records', self::text($first));
        self::assertSame(1, preg_match('/rel="next" href="([^"]+)"/', (string) $first->getBody(), $match));
        $second = $this->send('https://typo3.example' . htmlspecialchars_decode($match[1] ?? ''));
        self::assertSame(range(51, 2), $this->calls(self::text($second)));
        self::assertStringContainsString('Page 2 of 3', self::text($second));
        self::assertSame([1], $this->calls(self::text($this->open(self::PAGE, ['page' => 99]))));
    }

    #[Test]
    public function daysAndServicesAreCountedByWeight(): void
    {
        $today = (int) strtotime('today 00:05');
        $this->record('crm', ['crdate' => $today, 'weight' => 9, 'duration_us' => 2000]);
        $this->record('crm', ['crdate' => $today, 'status' => 500, 'duration_us' => 900_000]);
        $this->record('bank', ['crdate' => (int) strtotime('yesterday 23:59'), 'outcome' => 'failed', 'status' => null, 'duration_us' => 30_000]);

        $page = (string) $this->open(self::PAGE)->getBody();

        self::assertStringContainsString(date('Y-m-d') . ': 10 calls, 1 errors', $page);
        self::assertStringContainsString(date('Y-m-d', (int) strtotime('yesterday')) . ': 1 calls, 1 errors', $page);
        self::assertStringContainsString('<title>crm: 2 ms</title>', $page);
        self::assertStringContainsString('<title>bank: 30 ms</title>', $page);
        self::assertStringNotContainsString('<title>bank', (string) $this->open(self::PAGE, ['service_id' => 'crm'])->getBody());
    }

    #[Test]
    public function aTableProgramFindsNoFormulaInTheCsv(): void
    {
        $this->record('crm', ['caller' => '=HYPERLINK("https://evil.example")', 'actor_id' => "+1\"2", 'credentials' => '["a","b"]']);
        $this->record('crm', ['caller' => '@SUM(1)', 'actor_id' => "\tx", 'host' => '-1']);

        $response = $this->open(self::EXPORT, ['format' => 'csv']);

        self::assertStringStartsWith('attachment; filename="outbound-audit-', $response->getHeaderLine('Content-Disposition'));
        self::assertSame('nosniff', $response->getHeaderLine('X-Content-Type-Options'));
        $lines = array_map(
            static fn (string $line): array => str_getcsv($line, escape: ''),
            explode("\r\n", trim((string) $response->getBody())),
        );
        $rows = array_map(static fn (array $line): array => array_combine($lines[0], $line), array_slice($lines, 1));
        self::assertSame(["'@SUM(1)", "'=HYPERLINK(\"https://evil.example\")"], array_column($rows, 'caller'));
        self::assertSame(["'\tx", "'+1\"2"], array_column($rows, 'actor_id'));
        self::assertSame("'-1", $rows[0]['host']);
        self::assertSame(['1', '1'], array_column($rows, 'weight'));
    }

    #[Test]
    public function theJsonHasTheTypesOfARecord(): void
    {
        $this->record('crm', [
            'weight' => 5,
            'credentials' => '["crm_token"]',
            'connection_reused' => 1,
            'caller' => '=1',
        ]);

        $record = $this->exported([])[0];

        self::assertSame(5, $record['weight']);
        self::assertSame(200, $record['status']);
        self::assertSame(['crm_token'], $record['credentials']);
        self::assertTrue($record['connection_reused']);
        self::assertNull($record['error_code']);
        self::assertSame('=1', $record['caller']);
        self::assertArrayNotHasKey('uid', $record);
    }

    #[Test]
    public function anExportGoesOnBeyondABatch(): void
    {
        for ($call = 1; $call <= 2001; $call++) {
            $this->record('crm');
        }

        self::assertCount(2001, array_unique(array_column($this->exported([]), 'id')));
    }

    #[Test]
    public function rightsAreAskedForEach(): void
    {
        $this->record('crm');
        foreach ([[['view'], 403, 403], [['audit'], 200, 403], [['export'], 403, 403], [['audit', 'export'], 200, 200]] as $case) {
            [$rights, $page, $export] = $case;
            $this->logInWith(...$rights);
            self::assertSame($page, $this->open(self::PAGE)->getStatusCode(), implode(' ', $rights));
            self::assertSame($export, $this->open(self::EXPORT)->getStatusCode(), implode(' ', $rights));
            if ($page === 200) {
                self::assertSame($export === 200, str_contains(self::text($this->open(self::PAGE)), 'Export as CSV'));
            }
        }
    }

    /**
     * @return list<int>
     */
    private function calls(string $page): array
    {
        preg_match_all('/correlation_id call-(\d+)/', $page, $match);
        return array_map(intval(...), $match[1]);
    }

    /**
     * @param array<string, string> $query
     * @return list<array<string, mixed>>
     */
    private function exported(array $query): array
    {
        $response = $this->open(self::EXPORT, $query + ['format' => 'json']);
        self::assertSame('application/json', $response->getHeaderLine('Content-Type'));
        $records = json_decode((string) $response->getBody(), true, 8, JSON_THROW_ON_ERROR);
        self::assertIsArray($records);
        return array_values(array_filter($records, is_array(...)));
    }
}
