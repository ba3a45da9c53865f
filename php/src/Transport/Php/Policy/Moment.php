<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * A moment in a document: RFC 3339 text, or whole seconds since 1970.
 *
 * @internal
 */
final readonly class Moment
{
    /** The library's clock begins in the year -9999 and ends at 9999-12-30T22:00:00Z, which leaves room for every offset. */
    private const FIRST = -377705023201;
    private const LAST = 253402207200;

    /** 9999-12-31T23:59:59Z, which many write for "never". A number of milliseconds is beyond that. */
    private const LAST_SECOND = 253402300799;

    private const RFC_3339 = '/\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))\z/';

    private function __construct(private int $seconds, private int $nanoseconds)
    {
    }

    /** @return self|null null for any other value */
    public static function read(mixed $value): ?self
    {
        return match (true) {
            is_int($value) => $value > self::LAST_SECOND ? null : self::of($value, 0),
            is_string($value) => self::parse($value),
            default => null,
        };
    }

    /** Whether this moment has come, or has passed. */
    public function isOver(\DateTimeInterface $now): bool
    {
        return [$now->getTimestamp(), 1000 * (int) $now->format('u')] >= [$this->seconds, $this->nanoseconds];
    }

    private static function of(int $seconds, int $nanoseconds): ?self
    {
        return match (true) {
            $seconds < self::FIRST => null,
            $seconds > self::LAST => new self(self::LAST, 999_999_999),
            default => new self($seconds, $nanoseconds),
        };
    }

    private static function parse(string $text): ?self
    {
        if (preg_match(self::RFC_3339, $text, $part) !== 1) {
            return null;
        }
        [, $year, $month, $day, $hour, $minute, $second] = array_map(intval(...), $part);
        $fraction = $part[7] ?? '';
        [$offsetHour, $offsetMinute] = [(int) ($part[9] ?? 0), (int) ($part[10] ?? 0)];
        if ($hour > 23 || $minute > 59 || $second > 60 || strlen($fraction) > 9) {
            return null;
        }
        // A leap second counts as the second before it, since Unix time has no leap seconds.
        $time = (new \DateTimeImmutable('@0'))->setDate($year, $month, $day)->setTime($hour, $minute, min($second, 59));
        // PHP would accept the 30th of February as a day in March.
        if ($offsetHour > 25 || $offsetMinute > 59 || $time->format('Y-m-d') !== substr($text, 0, 10)) {
            return null;
        }
        $offset = ($part[8] ?? '') === '-' ? -1 : 1;
        $offset *= 3600 * $offsetHour + 60 * $offsetMinute;
        return self::of($time->getTimestamp() - $offset, (int) str_pad($fraction, 9, '0'));
    }
}
