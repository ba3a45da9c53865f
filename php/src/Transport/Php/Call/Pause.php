<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Call;

use Netresearch\NrVault\Transport\Php\Net\Head;

/**
 * How long to wait between two attempts, in milliseconds.
 *
 * @internal
 */
final class Pause
{
    /** The bound of the first pause; it doubles with every further one. */
    private const FIRST = 100;

    /** The bound of any pause that the server did not ask for. */
    private const LONGEST = 10_000;

    /** RFC 9110 section 5.6.7: the form that is sent, and the two that recipients accept as well. */
    private const DATES = ['D, d M Y H:i:s \G\M\T', 'l, d-M-y H:i:s \G\M\T', 'D M _j H:i:s Y'];

    /**
     * Exponential backoff with full jitter: the $random part of a bound that doubles, so that clients that failed together
     * do not come back together.
     *
     * @param int $repeats how many there were before this one
     * @param float $random from 0 to 1
     */
    public static function backoff(int $repeats, float $random): int
    {
        return (int) round(min(self::FIRST * 2 ** min($repeats, 20), self::LONGEST) * $random);
    }

    /**
     * What an answer's Retry-After asks for (RFC 9110 section 10.2.3): seconds, or a date, which is judged by the server's
     * own clock where it shows it.
     *
     * @param int $now Unix seconds
     * @return int|null null where there is none that can be read; a date that has passed is no pause
     */
    public static function retryAfter(Head $head, int $now): ?int
    {
        $text = trim($head->values('retry-after')[0] ?? '');
        if (preg_match('/\A[0-9]+\z/', $text) === 1) {
            // What is longer than this is longer than any deadline.
            return 1000 * min((int) $text, PHP_INT_MAX >> 20);
        }
        $until = self::date($text);
        if ($until === null) {
            return null;
        }
        return 1000 * max(0, $until - (self::date(trim($head->values('date')[0] ?? '')) ?? $now));
    }

    private static function date(string $text): ?int
    {
        foreach (self::DATES as $form) {
            // createFromFormat() has no day of the month with a space before it, and takes one day for another.
            $read = str_contains($form, '_j') ? preg_replace('/ {2}/', ' ', $text, 1) : $text;
            $form = str_replace('_j', 'j', $form);
            $date = \DateTimeImmutable::createFromFormat('!' . $form, (string) $read, new \DateTimeZone('UTC'));
            if ($date !== false && $date->format($form) === $read) {
                return $date->getTimestamp();
            }
        }
        return null;
    }
}
