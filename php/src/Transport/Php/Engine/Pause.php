<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Transport\Php\Net\ResponseHead;

/**
 * How long to wait between two attempts, in milliseconds.
 *
 * @internal
 */
final class Pause
{
    /** The upper limit of the first pause; it doubles with every further one. */
    private const FIRST = 100;

    /** The upper limit of any pause that the server has not requested. */
    private const LONGEST = 10_000;

    private const TIME = '(?<hour>\d{1,2}):(?<minute>\d{1,2}):(?<second>\d{1,2})';

    /**
     * RFC 9110 section 5.6.7: the current format, and the two obsolete ones that recipients must accept as well; with any number
     * of spaces.
     */
    private const DATES = [
        '/\A(?<weekday>[a-z]{3}),\s*(?<day>\d{1,2})\s*(?<month>[a-z]{3})\s*(?<year>\d{4})\s*' . self::TIME . '\s*(?-i:GMT)\z/i',
        '/\A(?<weekday>[a-z]{6,9}),\s*(?<day>\d{1,2})-(?<month>[a-z]{3})-(?<year>\d\d)\s*' . self::TIME . '\s*(?-i:GMT)\z/i',
        '/\A(?<weekday>[a-z]{3})\s*(?<month>[a-z]{3})\s*(?<day>\d{1,2})\s*' . self::TIME . '\s*(?<year>\d{4})\z/i',
    ];

    private const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

    /**
     * Exponential backoff with full jitter: the fraction $random of an upper limit that doubles, so that clients that failed at
     * the same time do not repeat at the same time.
     *
     * @param int $repeats number of repetitions before this one
     * @param float $random from 0 to 1
     */
    public static function backoff(int $repeats, float $random): int
    {
        return (int) round(min(self::FIRST * 2 ** min($repeats, 20), self::LONGEST) * $random);
    }

    /**
     * The pause that Retry-After requests (RFC 9110 section 10.2.3): seconds, or a date, which is compared with the Date field of
     * the response if there is one.
     *
     * @param int $now Unix time in milliseconds
     * @return int|null null if there is none, or it cannot be read; a date in the past is no pause
     */
    public static function retryAfter(ResponseHead $head, int $now): ?int
    {
        $text = trim($head->values('retry-after')[0] ?? '');
        if (preg_match('/\A[0-9]+\z/', $text) === 1) {
            // The value is capped far above any deadline, so that it does not overflow.
            return 1000 * min((int) $text, PHP_INT_MAX >> 20);
        }
        $until = self::date($text);
        if ($until === null) {
            return null;
        }
        $from = self::date(trim($head->values('date')[0] ?? ''));
        return max(0, 1000 * $until - ($from === null ? $now : 1000 * $from));
    }

    private static function date(string $text): ?int
    {
        foreach (self::DATES as $form) {
            if (preg_match($form, $text, $found) === 1) {
                return self::moment($found);
            }
        }
        return null;
    }

    /**
     * @param array<string> $found the values of the groups that DATES names
     * @return int|null Unix seconds; null if the date does not exist, or is on another day of the week
     */
    private static function moment(array $found): ?int
    {
        $month = 1 + (int) array_search(strtolower($found['month']), self::MONTHS, true);
        $year = (int) $found['year'];
        if (strlen($found['year']) === 2) {
            $year += $year < 69 ? 2000 : 1900;
        }
        [$hour, $minute, $second] = [(int) $found['hour'], (int) $found['minute'], (int) $found['second']];
        if (
            !in_array(strtolower($found['month']), self::MONTHS, true)
            || !checkdate($month, (int) $found['day'], $year)
            || max($hour - 23, $minute - 59, $second - 60) > 0
        ) {
            return null;
        }
        // A leap second counts as the second before it.
        $moment = (int) gmmktime($hour, $minute, min($second, 59), $month, (int) $found['day'], $year);
        $weekday = gmdate(strlen($found['weekday']) === 3 ? 'D' : 'l', $moment);
        return strcasecmp($weekday, $found['weekday']) === 0 ? $moment : null;
    }
}
