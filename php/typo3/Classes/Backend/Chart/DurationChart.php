<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Chart;

use Netresearch\NrSecureOutbound\Backend\Amounts;
use Netresearch\NrSecureOutbound\Backend\Labels;

/**
 * The median time of each service, the slowest first.
 *
 * @internal
 */
final class DurationChart
{
    /** Services that are drawn. */
    private const MOST = 12;

    private const WIDTH = 520;
    private const ROW = 26;
    private const LEFT = 140;
    private const RIGHT = 60;

    /**
     * @param array<string, int> $durations microseconds by service
     */
    public static function of(array $durations): string
    {
        arsort($durations);
        $durations = array_slice($durations, 0, self::MOST, true);
        $scale = (self::WIDTH - self::LEFT - self::RIGHT) / max(1, ...array_values($durations));
        $content = [];
        $y = 0;
        foreach ($durations as $service => $duration) {
            $time = Amounts::duration($duration);
            $width = max(1, $duration * $scale);
            $content[] = Svg::label(self::LEFT - 8, $y + 17, mb_strimwidth($service, 0, 18, '…'), 'end');
            $content[] = Svg::bar(self::LEFT, $y + 4, $width, self::ROW - 8, 'outbound-good', "$service: $time");
            $content[] = Svg::label(self::LEFT + $width + 6, $y + 17, $time);
            $y += self::ROW;
        }
        return Svg::picture(self::WIDTH, max(self::ROW, $y), Labels::get('chart.duration'), $content);
    }
}
