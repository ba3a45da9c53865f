<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * `secure-outbound audit` on files that the sink wrote, and on files with other lines in them.
 */
final class AuditTest extends CommandTestCase
{
    private const ANSWERED = ['outcome' => AuditEntry::RESPONSE, 'error_class' => null, 'error_code' => null];

    private string $file;

    private JsonLinesAuditSink $sink;

    protected function setUp(): void
    {
        parent::setUp();
        $this->file = $this->directory->path . '/audit.jsonl';
        $this->sink = new JsonLinesAuditSink($this->file);
    }

    public function testALineForEachCall(): void
    {
        $this->answered('a', ['port' => 8443]);
        $this->ended('b', AuditEntry::REFUSED, 'policy.method_not_allowed', ['status' => null, 'correlation_id' => null]);

        self::assertSame(
            "2026-11-21T22:20:48.123Z  stripe  POST api.stripe.com:8443/v1/customers/{id}/sources  200  81.2 ms  order-17\n"
            . '2026-11-21T22:20:48.123Z  stripe  POST api.stripe.com/v1/customers/{id}/sources'
            . "  refused policy.method_not_allowed  81.2 ms  -\n",
            self::printed(['audit', $this->file]),
        );
    }

    public function testJsonIsTheRecordAsItWasWritten(): void
    {
        $this->answered('a');
        $this->ended('b', AuditEntry::FAILED, 'timeout.total');

        self::assertSame(file_get_contents($this->file), self::printed(['audit', $this->file, '--format=json']));
    }

    /**
     * @dataProvider filters
     * @param list<string> $options
     * @param list<string> $ids
     */
    public function testFilters(array $options, array $ids): void
    {
        $this->answered('ok', ['service_id' => 'crm', 'timestamp' => '2026-11-20T23:59:59.999Z']);
        $this->answered('missing', ['status' => 404, 'correlation_id' => 'order-18']);
        $refused = ['timestamp' => '2026-11-22T00:00:00.000Z', 'sent' => 'no'];
        $this->ended('refused', AuditEntry::REFUSED, 'policy.path_not_allowed', $refused);
        $late = ['service_id' => 'crm', 'status' => null, 'sent' => 'maybe'];
        $this->ended('late', AuditEntry::FAILED, 'timeout.total', $late);

        self::assertSame($ids, $this->ids($options));
    }

    /**
     * @return iterable<string, array{list<string>, list<string>}>
     */
    public static function filters(): iterable
    {
        yield 'none' => [[], ['ok', 'missing', 'refused', 'late']];
        yield 'service' => [['--service=crm'], ['ok', 'late']];
        yield 'one of two services' => [['--service=crm', '--service=stripe'], ['ok', 'missing', 'refused', 'late']];
        yield 'code' => [['--code=timeout.total'], ['late']];
        yield 'class of codes' => [['--code=policy', '--code=timeout.total'], ['refused', 'late']];
        yield 'part of a code' => [['--code=timeout.tot'], []];
        yield 'status' => [['--status=404'], ['missing']];
        yield 'hundreds of statuses' => [['--status=4xx'], ['missing']];
        yield 'outcome' => [['--outcome=failed', '--outcome=refused'], ['refused', 'late']];
        yield 'what was sent' => [['--sent=no', '--sent=maybe'], ['refused', 'late']];
        yield 'correlation' => [['--correlation-id=order-18'], ['missing']];
        yield 'all options' => [['--service=crm', '--status=200'], ['ok']];
        yield 'since' => [['--since=2026-11-21T22:20:48.123Z'], ['missing', 'refused', 'late']];
        yield 'until' => [['--until=2026-11-22'], ['ok', 'missing', 'late']];
        yield 'since and until, in another zone' => [
            ['--since=2026-11-21T00:00+00:00', '--until=2026-11-22T01:00:00+01:00'],
            ['missing', 'late'],
        ];
    }

    public function testATimeAgo(): void
    {
        $time = static fn (int $ago): string => gmdate('Y-m-d\TH:i:s.000\Z', time() - $ago);
        $this->answered('old', ['timestamp' => $time(7300)]);
        $this->answered('new', ['timestamp' => $time(3600)]);

        self::assertSame(['new'], $this->ids(['--since=2h']));
        self::assertSame(['old'], $this->ids(['--until=2h']));
        self::assertSame(['old', 'new'], $this->ids(['--since=1d']));
    }

    public function testARecordCountsForAsManyCallsAsItStandsFor(): void
    {
        $this->answered('a');
        $line = trim((string) file_get_contents($this->file));
        foreach (['100', '0', '"7"', 'null', '1000001'] as $weight) {
            file_put_contents($this->file, str_replace('"weight":1', '"weight":' . $weight, $line) . "\n", FILE_APPEND);
        }

        // A record whose weight is invalid counts as one call.
        self::assertStringContainsString("     105  stripe  200\n", self::printed(['audit', $this->file, '--count']));
    }

    public function testCountsByServiceAndEnding(): void
    {
        $this->answered('a');
        $this->answered('b');
        $this->answered('c', ['service_id' => 'crm']);
        $this->ended('d', AuditEntry::REFUSED, 'policy.path_not_allowed', ['service_id' => null]);
        file_put_contents($this->file, "no record\n", FILE_APPEND);

        $result = self::command(['audit', $this->file, '--count']);
        self::assertSame(
            "       1  crm  200\n       2  stripe  200\n       1  -  refused policy.path_not_allowed\n       4  calls\n"
            . "secure-outbound audit: 1 line is no record, and left out.\n",
            $result['output'],
        );
        $json = self::command(['audit', $this->file, '--count', '--format=json', '--service=stripe'])['output'];
        self::assertSame(
            ['version' => 1, 'count' => 2, 'skipped' => 1, 'groups' => [
                ['service_id' => 'stripe', 'ending' => '200', 'count' => 2],
            ]],
            json_decode(strstr($json, 'secure-outbound audit', true) ?: $json, true),
        );
    }

    public function testAnIntentIsShownWhereItHasNoEndAndLast(): void
    {
        $this->sink->begin(AuditEntries::intent('lost'));
        $this->sink->begin(AuditEntries::intent('ended'));
        $this->answered('ended');
        $this->answered('other');

        self::assertSame(['ended', 'other', 'lost'], $this->ids([]));
        self::assertStringContainsString('  begun  -  ', self::printed(['audit', $this->file]));
        self::assertStringContainsString("       3  calls\n", self::printed(['audit', $this->file, '--count']));
        self::assertSame(['ended', 'other'], $this->ids(['--status=200']));
    }

    public function testWhatWasPutAsideComesFirstAndCompletesWhatWasBegunThere(): void
    {
        $this->answered('first');
        $this->sink->begin(AuditEntries::intent('over-midnight'));
        rename($this->file, $this->file . '.20261121T000000.000001Z-1a2b');
        $this->answered('second');
        rename($this->file, $this->file . '.20261122T000000.000001Z-1a2b');
        touch($this->file . '.20261121T000000.000001Z-1a2b', 0);
        $this->directory->write('audit.jsonl.old', 'of somebody else');
        $this->answered('over-midnight');

        self::assertSame(['first', 'second', 'over-midnight'], $this->ids([]));
        // The oldest file was last changed before that day, so it is not opened.
        self::assertSame(['second', 'over-midnight'], $this->ids(['--since=2026-11-21']));
        unlink($this->file);
        self::assertSame(['first', 'second', 'over-midnight'], $this->ids([]));
    }

    public function testLinesThatAreNoRecordsAndATornOneAreCounted(): void
    {
        $this->answered('a');
        $line = trim((string) file_get_contents($this->file));
        $bad = [
            '', 'x', '[]', '{"id":"b"}', '{"id":7,' . substr($line, 10), strtr($line, ['.123Z' => ' 123']),
            strtr($line, ['"complete"' => '"done"']), "\xff" . $line, str_repeat('y', 70_000), str_repeat('z', 65_535),
            '{"id":"long","pad":"' . str_repeat('p', 200_000) . '",' . substr($line, 1),
        ];
        file_put_contents($this->file, implode("\n", $bad) . "\n" . $line . "\n" . substr($line, 0, 100), FILE_APPEND);

        $result = self::command(['audit', $this->file]);

        self::assertSame(0, $result['code']);
        self::assertSame(2, substr_count($result['output'], 'api.stripe.com'), $result['output']);
        self::assertStringContainsString("audit: 11 lines are no records, and left out.\n", $result['output']);
        self::assertStringNotContainsString('yyy', $result['output']);
    }

    /**
     * @dataProvider formats
     */
    public function testNothingInTheFileDrivesTheTerminal(string $format): void
    {
        $row = ['state' => 'complete', 'outcome' => 'failed', 'timestamp' => '2026-11-21T22:20:48.123Z'];
        $texts = ['service_id', 'correlation_id', 'method', 'host', 'path_template', 'error_code', 'caller', 'actor_id'];
        $row += array_fill_keys($texts, "\e]0;x\x07\x9b2J\u{9b}\u{202e}\r\n") + ['credentials' => ["\e[2J"], "\e[1m" => "\e[2m"];
        $line = static fn (string $id): string => json_encode(['id' => $id] + $row, JSON_INVALID_UTF8_SUBSTITUTE) . "\n";
        $this->directory->write('audit.jsonl', $line('a') . $line("\e[31m") . "\e[31m\n");

        $result = self::command(['audit', $this->file, '--format=' . $format]);

        self::assertSame(1, preg_match('/\A[^\x00-\x09\x0B-\x1F\x7F]*\z/', $result['output']), $result['output']);
        self::assertSame(0, preg_match('/[\x{80}-\x{9F}\x{202E}]/u', $result['output']), $result['output']);
        self::assertStringContainsString('2 lines are no records', $result['output']);
    }

    /**
     * @return iterable<array{string}>
     */
    public static function formats(): iterable
    {
        yield ['text'];
        yield ['json'];
    }

    public function testALargeFileIsNeverInMemoryAsAWhole(): void
    {
        $this->answered('a');
        $line = (string) file_get_contents($this->file);
        $intent = strtr($line, ['"complete"' => '"intent"', '"response",' => 'null,']);
        for ($i = 0; $i < 40_000; $i++) {
            file_put_contents($this->file, $line . strtr($intent, ['"a"' => '"i' . $i . '"']), FILE_APPEND);
        }
        clearstatcache();
        self::assertGreaterThan(40_000_000, filesize($this->file));

        $result = self::command(['audit', $this->file, '--count'], php: ['-d', 'memory_limit=24M']);

        self::assertSame(0, $result['code'], $result['output']);
        self::assertStringContainsString('80001  calls', $result['output']);
    }

    public function testFollowShowsWhatComesThroughWholeLinesAndFilesPutAside(): void
    {
        $this->answered('before');
        $log = $this->directory->path . '/follow.log';
        $command = [PHP_BINARY, Build::php() . '/bin/secure-outbound', 'audit', $this->file, '--follow', '--format=json'];
        $process = new Process([...$command, '--service=stripe', '--since=2000-01-01'], $log);
        $now = new Process($command, $log . '.now');
        $seen = static fn (string $id): bool => str_contains($process->log(), '"id":"' . $id . '"');
        $process->waitUntil(static fn (): bool => $seen('before'), 'the record that was there');

        $this->answered('other', ['service_id' => 'crm']);
        $this->sink->begin(AuditEntries::intent('begun'));
        $process->waitUntil(static fn (): bool => $seen('begun'), 'a new record');
        $whole = (string) json_encode(AuditEntries::complete('torn')->toArray());
        file_put_contents($this->file, substr($whole, 0, 300), FILE_APPEND);
        $this->turn('1');
        $this->answered('in-between');
        $this->turn('2');
        $this->answered('after');
        $process->waitUntil(static fn (): bool => $seen('after'), 'a record behind two files that were put aside');
        file_put_contents($this->file, substr($whole, 0, 300), FILE_APPEND);
        file_put_contents($this->file, substr($whole, 300) . "\n", FILE_APPEND);
        $process->waitUntil(static fn (): bool => $seen('torn'), 'a line that came in two parts');
        // Without --since, only records are shown that are written after the start, so one is written until it is shown.
        Poll::until(function () use ($now): bool {
            $this->answered('late');
            return str_contains($now->log(), '"late"');
        }, 'a record without --since');
        $process->stop();
        $now->stop();

        preg_match_all('/"id":"([a-z-]+)"/', $process->log(), $ids);
        self::assertSame(['before', 'begun', 'in-between', 'after', 'torn'], array_slice($ids[1], 0, 5));
        self::assertSame(1, substr_count($process->log(), "a line is no record.\n"));
        self::assertStringNotContainsString('"before"', $now->log());
    }

    public function testBehindAPipeThatClosesItEndsQuietly(): void
    {
        for ($i = 0; $i < 500; $i++) {
            $this->answered('id-' . $i);
        }
        $command = implode(' ', array_map(escapeshellarg(...), [PHP_BINARY, Build::php() . '/bin/secure-outbound', 'audit',
            $this->file, '--format=json']));
        $result = Process::run(['bash', '-c', 'set -o pipefail; ' . $command . ' | head -n 1 | cut -c 1-12']);

        self::assertSame(['code' => 0, 'output' => '{"id":"id-0"' . "\n"], $result);
    }

    /**
     * @dataProvider mistakes
     * @param list<string> $options
     */
    public function testMistakes(array $options, string $message): void
    {
        $this->answered('a');
        $file = in_array('--nowhere', $options, true) ? $this->directory->path : $this->file;
        $result = self::command(['audit', $file, ...array_diff($options, ['--nowhere'])]);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertSame('secure-outbound audit: ' . $message . "\n", $result['output']);
    }

    /**
     * @return iterable<array{list<string>, string}>
     */
    public static function mistakes(): iterable
    {
        $since = '--since is a time ago (30m, 12h, 7d) or a moment (2026-11-21, 2026-11-21T22:20:48Z).';
        yield [['--since=yesterday'], $since];
        yield [['--since=2026-02-30'], $since];
        yield [['--since=2026-11-21T25:00'], $since];
        yield [['--status=4x'], '--status is a number such as 404, or 4xx.'];
        yield [['--outcome=ok'], '--outcome is response, refused or failed.'];
        yield [['--sent=perhaps'], '--sent is no, maybe or yes.'];
        yield [['--count', '--follow'], '--count and --follow exclude each other.'];
        yield [['--format=xml'], '--format is text or json.'];
        yield [['--nowhere'], 'The audit file does not exist, or this user cannot read it.'];
    }

    private function turn(string $time): void
    {
        rename($this->file, $this->file . '.20261121T00000' . $time . '.000001Z-1a2b');
    }

    /**
     * @param array<string, mixed> $record
     */
    private function answered(string $id, array $record = []): void
    {
        $this->ended($id, AuditEntry::RESPONSE, null, $record + self::ANSWERED);
    }

    /**
     * @param array<string, mixed> $record
     */
    private function ended(string $id, string $outcome, ?string $code, array $record = []): void
    {
        $class = $code === null ? null : strstr($code, '.', true);
        $record += ['error_code' => $code, 'error_class' => $class] + AuditEntries::RECORD;
        $this->sink->complete(new AuditEntry($id, AuditEntry::COMPLETE, $outcome, $record));
    }

    /**
     * @param list<string> $options
     * @return list<string>
     */
    private function ids(array $options): array
    {
        $lines = explode("\n", trim(self::printed(['audit', $this->file, '--format=json', ...$options])));
        return array_map(static fn (string $line): string => json_decode($line, true)['id'], array_filter($lines));
    }
}
