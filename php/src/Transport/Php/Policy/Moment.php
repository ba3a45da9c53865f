<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * A moment as a document writes it: RFC 3339 text, or whole seconds since 1970.
 *
 * @internal
 */
final readonly class Moment
{
    /** The library's range, which leaves room for every offset: from the year -9999 to 9999-12-30T22:00:00Z. */
    private const FIRST = -377705023201;
    private const LAST = 253402207200;

    private const RFC_3339 = '/\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))\z/';

    private function __construct(private int $seconds, private int $nanoseconds)
    {
    }

    /** @return self|null null for what is neither */
    public static function read(mixed $value): ?self
    {
        return match (true) {
            is_int($value) => self::of($value, 0),
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
        return $seconds < self::FIRST || $seconds > self::LAST ? null : new self($seconds, $nanoseconds);
    }

    private static function parse(string $text): ?self
    {
        if (preg_match(self::RFC_3339, $text, $part) !== 1) {
            return null;
        }
        [, $year, $month, $day, $hour, $minute, $second] = array_map(intval(...), $part);
        $fraction = $part[7] ?? '';
        $offset = 3600 * (int) ($part[9] ?? 0) + 60 * (int) ($part[10] ?? 0);
        return null;
    }
}
