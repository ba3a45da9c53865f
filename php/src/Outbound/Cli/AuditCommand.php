<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Audit\AuditFiles;
use Netresearch\NrVault\Outbound\Cli\Audit\RecordFilter;
use Netresearch\NrVault\Outbound\Cli\Audit\StoredRecord;
use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;

/**
 * Shows the records in a file of JsonLinesAuditSink. Nothing is locked or changed.
 *
 * @internal
 */
final class AuditCommand implements Command
{
    /** The number of intents that wait for their completions; if there are more, the oldest are shown as intents. */
    private const MAX_OPEN = 1000;

    /** @var array<StoredRecord> by id */
    private array $open = [];

    private int $skipped = 0;

    /** @var array<string, array{service_id: string|null, ending: string, count: int}> ordered by service and ending */
    private array $counts = [];

    public static function help(): string
    {
        return <<<'TEXT'
            audit FILE [--service=ID]… [--code=CODE]… [--status=404|4xx]… [--outcome=response|refused|failed]…
                  [--sent=no|maybe|yes]… [--correlation-id=ID]… [--since=TIME] [--until=TIME] [--count | --follow] [--format=json]
              Shows the calls of an audit file of JSON lines, and of those that were put aside before it. CODE is a code or
              its class (policy); TIME is a time ago (30m, 12h, 7d) or a moment (2026-11-21, 2026-11-21T22:20:48Z). A call
              that was begun and has no end comes last. --count counts by service and ending. --follow waits for new
              records; with --since those that are there come first. JSON is one record a line. Lines that are no records
              are counted on standard error.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $arguments = Arguments::parse($argv, ['count', 'follow'], ['format', ...RecordFilter::OPTIONS], ['FILE']);
        $format = $arguments->value('format') ?? 'text';
        if (!in_array($format, ['text', 'json'], true)) {
            throw new UsageError('--format is text or json.');
        }
        if ($arguments->has('count') && $arguments->has('follow')) {
            throw new UsageError('--count and --follow exclude each other.');
        }
        $json = $format === 'json';
        $filter = RecordFilter::read($arguments);
        $files = new AuditFiles(self::absolute($arguments->word(0)));
        $show = $arguments->has('count')
            ? $this->count(...)
            : static fn (StoredRecord $record): bool => $streams->line($json ? $record->json() : $record->text());
        if ($arguments->has('follow')) {
            return $this->follow($files, $filter, $show, $streams);
        }
        $lines = $files->lines((int) $filter->since?->getTimestamp())
            ?? throw new UsageError('The audit file does not exist, or this user cannot read it.');
        $isHeard = $this->all($lines, $filter, $show);
        foreach ($isHeard ? $this->open : [] as $record) {
            if (!$show($record)) {
                break;
            }
        }
        if ($arguments->has('count')) {
            $this->total($json, $streams);
        }
        $this->tellSkipped($streams);
        return Application::OK;
    }

    /**
     * @param \Closure(StoredRecord): bool $show
     */
    private function follow(AuditFiles $files, RecordFilter $filter, \Closure $show, Streams $streams): int
    {
        $lines = $filter->since === null ? null : $files->lines($filter->since->getTimestamp());
        foreach ([$lines ?? [], $files->follow($lines === null)] as $part) {
            foreach ($part as $line) {
                $record = $line === null ? null : StoredRecord::read($line);
                if ($record === null) {
                    $streams->error("secure-outbound audit: a line is no record.\n");
                } elseif ($filter->takes($record) && !$show($record)) {
                    break 2;
                }
            }
        }
        return Application::OK;
    }

    /**
     * @param \Generator<int, string|null> $lines
     * @param \Closure(StoredRecord): bool $show
     * @return bool false if nobody reads the output any more
     */
    private function all(\Generator $lines, RecordFilter $filter, \Closure $show): bool
    {
        foreach ($lines as $line) {
            $record = $line === null ? null : StoredRecord::read($line);
            if ($record === null) {
                // The sink writes a line break after an incomplete line; that can result in an empty line, which is not counted.
                $this->skipped += $line === '' ? 0 : 1;
                continue;
            }
            unset($this->open[$record->id()]);
            if (!$filter->takes($record)) {
                continue;
            }
            if ($record->isIntent()) {
                $record = $this->opened($record);
            }
            if ($record !== null && !$show($record)) {
                return false;
            }
        }
        return true;
    }

    /** Stores an intent, and returns the oldest one if there are too many. */
    private function opened(StoredRecord $intent): ?StoredRecord
    {
        $this->open[$intent->id()] = $intent;
        if (count($this->open) <= self::MAX_OPEN) {
            return null;
        }
        $oldest = array_key_first($this->open);
        $record = $this->open[$oldest];
        unset($this->open[$oldest]);
        return $record;
    }

    private function count(StoredRecord $record): bool
    {
        $group = ['service_id' => $record->entry->record['service_id'], 'ending' => $record->ending()];
        $key = json_encode(array_values($group), JSON_THROW_ON_ERROR);
        $this->counts[$key] = $group + ['count' => ($this->counts[$key]['count'] ?? 0) + $record->entry->weight];
        return true;
    }

    private function total(bool $json, Streams $streams): void
    {
        ksort($this->counts);
        $groups = array_values($this->counts);
        $count = array_sum(array_column($groups, 'count'));
        if ($json) {
            $streams->json(['version' => 1, 'count' => $count, 'skipped' => $this->skipped, 'groups' => $groups]);
            return;
        }
        foreach ($groups as $group) {
            $streams->write(sprintf("%8d  %s  %s\n", $group['count'], $group['service_id'] ?? '-', $group['ending']));
        }
        $streams->write(sprintf("%8d  calls\n", $count));
    }

    private function tellSkipped(Streams $streams): void
    {
        if ($this->skipped > 0) {
            $lines = $this->skipped === 1 ? '1 line is no record' : $this->skipped . ' lines are no records';
            $streams->error("secure-outbound audit: $lines, and left out.\n");
        }
    }

    private static function absolute(string $file): string
    {
        return str_starts_with($file, '/') ? $file : getcwd() . '/' . $file;
    }
}
