<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Audit;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;

/**
 * Selects records. A record must match every option that is set, and for each option one of its values.
 *
 * @internal
 */
final readonly class RecordFilter
{
    /** The command's options for the filter. */
    public const OPTIONS = ['service', 'code', 'status', 'outcome', 'sent', 'correlation-id', 'since', 'until'];

    private const UNITS = ['s' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400];

    /**
     * @param list<string> $services
     * @param list<string> $outcomes
     * @param list<string> $correlationIds
     * @param list<string> $codes codes, or classes of them
     * @param list<string> $statuses "404" or "4xx"
     * @param list<string> $sent
     */
    private function __construct(
        private array $services,
        private array $outcomes,
        private array $correlationIds,
        private array $codes,
        private array $statuses,
        private array $sent,
        public ?\DateTimeImmutable $since,
        private ?\DateTimeImmutable $until,
    ) {
    }

    /**
     * @throws UsageError
     */
    public static function read(Arguments $arguments): self
    {
        foreach ($arguments->values('status') as $status) {
            if (preg_match('/\A[1-9](\d\d|xx)\z/', $status) !== 1) {
                throw new UsageError('--status is a number such as 404, or 4xx.');
            }
        }
        foreach ($arguments->values('outcome') as $outcome) {
            if (!in_array($outcome, ['response', 'refused', 'failed'], true)) {
                throw new UsageError('--outcome is response, refused or failed.');
            }
        }
        foreach ($arguments->values('sent') as $sent) {
            if (!in_array($sent, ['no', 'maybe', 'yes'], true)) {
                throw new UsageError('--sent is no, maybe or yes.');
            }
        }
        return new self(
            $arguments->values('service'),
            $arguments->values('outcome'),
            $arguments->values('correlation-id'),
            $arguments->values('code'),
            $arguments->values('status'),
            $arguments->values('sent'),
            self::time('since', $arguments->value('since')),
            self::time('until', $arguments->value('until')),
        );
    }

    public function takes(StoredRecord $record): bool
    {
        $row = $record->entry->record;
        $status = (string) $row['status'];
        return self::isAmong($this->services, [$row['service_id']])
            && self::isAmong($this->outcomes, [$record->entry->outcome])
            && self::isAmong($this->correlationIds, [$row['correlation_id']])
            && self::isAmong($this->codes, [$row['error_code'], $row['error_class']])
            && self::isAmong($this->statuses, $status === '' ? [] : [$status, $status[0] . 'xx'])
            && self::isAmong($this->sent, [$row['sent']])
            && ($this->since === null || $row['timestamp'] >= self::text($this->since))
            && ($this->until === null || $row['timestamp'] < self::text($this->until));
    }

    /**
     * @param list<string> $wanted an empty list matches everything
     * @param list<string|null> $found
     */
    private static function isAmong(array $wanted, array $found): bool
    {
        return $wanted === [] || array_intersect($wanted, array_filter($found, is_string(...))) !== [];
    }

    /** In the format of records, whose order as text is the order in time. */
    private static function text(\DateTimeImmutable $time): string
    {
        return $time->format('Y-m-d\TH:i:s.v\Z');
    }

    /**
     * A time span before now, such as 90m, or a moment, in UTC unless it names another zone.
     *
     * @throws UsageError
     */
    private static function time(string $option, ?string $text): ?\DateTimeImmutable
    {
        if ($text === null) {
            return null;
        }
        $utc = new \DateTimeZone('UTC');
        if (preg_match('/\A(\d{1,6})([smhd])\z/', $text, $ago) === 1) {
            return (new \DateTimeImmutable('now', $utc))->modify('-' . $ago[1] * self::UNITS[$ago[2]] . ' seconds');
        }
        $form = '/\A\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?\z/';
        $time = preg_match($form, $text) === 1 ? date_create_immutable($text, $utc) : false;
        $errors = \DateTimeImmutable::getLastErrors();
        if ($time === false || ($errors !== false && $errors['warning_count'] > 0)) {
            throw new UsageError('--' . $option . ' is a time ago (30m, 12h, 7d) or a moment (2026-11-21, 2026-11-21T22:20:48Z).');
        }
        return $time->setTimezone($utc);
    }
}
