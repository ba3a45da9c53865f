<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use Netresearch\NrSecureOutbound\Configuration\ConfVars;

/**
 * Times and sizes as people read them.
 *
 * @internal
 */
final class Amounts
{
    private const UNITS = ['B', 'KiB', 'MiB', 'GiB'];

    /** In the form of date and time that TYPO3 is set to. */
    public static function moment(int $time): string
    {
        return date(ConfVars::text('SYS', 'ddmmyy') . ' ' . ConfVars::text('SYS', 'hhmm'), $time);
    }

    public static function duration(int $microseconds): string
    {
        $milliseconds = $microseconds / 1000;
        return match (true) {
            $milliseconds < 10 => self::number($milliseconds, 1) . ' ms',
            $milliseconds < 1000 => self::number($milliseconds, 0) . ' ms',
            $milliseconds < 60_000 => self::number($milliseconds / 1000, 1) . ' s',
            default => self::number($milliseconds / 60_000, 1) . ' min',
        };
    }

    public static function size(int $bytes): string
    {
        $unit = 0;
        while ($bytes % 1024 === 0 && $bytes > 0 && $unit < count(self::UNITS) - 1) {
            $bytes = intdiv($bytes, 1024);
            $unit++;
        }
        return $bytes . ' ' . self::UNITS[$unit];
    }

    public static function percent(float $share): string
    {
        return self::number($share, $share > 0 && $share < 10 ? 1 : 0) . ' %';
    }

    private static function number(float $value, int $decimals): string
    {
        $text = number_format($value, $decimals, Labels::get('decimal_point'), '');
        return $decimals === 0 ? $text : preg_replace('/\D0+\z/', '', $text) ?? $text;
    }
}
