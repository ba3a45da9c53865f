<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Engine;

use Netresearch\NrVault\Transport\Php\Engine\Pause;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use PHPUnit\Framework\TestCase;

/**
 * How long to wait between two attempts.
 */
final class PauseTest extends TestCase
{
    /** 1994-11-06T08:49:30Z. */
    private const NOW = 784111770_000;

    public function testAPauseLiesBetweenNothingAndABoundThatDoubles(): void
    {
        foreach ([0 => 100, 1 => 200, 2 => 400, 6 => 6400, 7 => 10_000, 31 => 10_000, PHP_INT_MAX => 10_000] as $repeats => $bound) {
            self::assertSame(0, Pause::backoff($repeats, 0.0));
            self::assertSame(intdiv($bound, 2), Pause::backoff($repeats, 0.5));
            self::assertSame($bound, Pause::backoff($repeats, 1.0));
        }
    }

    public function testSecondsAndDatesAreRead(): void
    {
        foreach (
            [
                '0' => 0,
                '120' => 120,
                '007' => 7,
                'Sun, 06 Nov 1994 08:49:37 GMT' => 7,
                'Sunday, 06-Nov-94 08:49:37 GMT' => 7,
                'Sun Nov  6 08:49:37 1994' => 7,
                'Sun Nov 13 08:49:30 1994' => 7 * 86_400,
                'Sun, 06 Nov 1994 08:49:30 GMT' => 0,
                'Sun, 06 Nov 1994 08:00:00 GMT' => 0,
                'Mon, 07 Nov 1994 08:49:30 GMT' => 86_400,
                'sun, 6 NOV 1994 8:49:37 GMT' => 7,
                'Sun,06 Nov 1994  08:49:60 GMT' => 29,
                'Thursday, 06-Nov-69 08:49:37 GMT' => 0,
                'Tuesday, 06-Nov-68 08:49:37 GMT' => 2_335_305_607,
                'Fri, 31 Dec 9999 23:59:59 GMT' => 252_618_189_029,
            ] as $text => $seconds
        ) {
            self::assertSame(1000 * $seconds, $this->asked((string) $text), (string) $text);
        }
        self::assertGreaterThan(10 ** 12, $this->asked('99999999999999999999999'));
        $unreadable = ['', '-1', '+1', '1.5', '1,2', 'soon', '1 s', '0x10', '1994-11-06T08:49:37Z', '06 Nov 1994',
            'Mon, 06 Nov 1994 08:49:37 GMT', 'Sun, 31 Feb 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 24:49:37 GMT',
            'Sun, 06 Nov 1994 08:60:37 GMT', 'Sun, 06 Nov 1994 08:49:61 GMT', 'Sun, 06 Now 1994 08:49:37 GMT',
            'Sun, 06 Nov 1994 08:49:37', 'Sun, 06 Nov 1994 08:49:37 CET', 'Sun, 06 Nov 1994 08:49:37 gmt',
            'Sun Nov  6 08:49:37 1994 GMT', 'Monday, 06-Nov-94 08:49:37 GMT', 'Sun, 00 Nov 1994 08:49:37 GMT'];
        foreach ($unreadable as $text) {
            self::assertNull($this->asked($text), $text);
        }
        self::assertNull(Pause::retryAfter(new ResponseHead(503, '1.1', []), self::NOW));
    }

    public function testADateIsJudgedByTheServersClock(): void
    {
        $until = 'Sun, 06 Nov 1994 08:49:37 GMT';

        self::assertSame(1000, $this->asked($until, 'Sun, 06 Nov 1994 08:49:36 GMT'));
        self::assertSame(0, $this->asked($until, 'Sun, 06 Nov 1994 09:00:00 GMT'));
        self::assertSame(7000, $this->asked($until, 'no date'));
        $head = new ResponseHead(503, '1.1', [['retry-after', $until]]);
        self::assertSame(6500, Pause::retryAfter($head, self::NOW + 500), 'the clock has parts of a second');
        self::assertSame(5000, $this->asked('5', 'Sun, 06 Nov 1994 08:00:00 GMT'));
    }

    private function asked(string $retryAfter, ?string $date = null): ?int
    {
        $headers = [['retry-after', $retryAfter], ...($date === null ? [] : [['date', $date]])];
        return Pause::retryAfter(new ResponseHead(503, '1.1', $headers), self::NOW);
    }
}
