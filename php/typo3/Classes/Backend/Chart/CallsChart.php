<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Chart;

use Netresearch\NrSecureOutbound\Backend\Labels;

/**
 * Calls and errors by day.
 *
 * @internal
 */
final class CallsChart
{
    private const WIDTH = 520;
    private const HEIGHT = 160;
    private const LEFT = 48;
    private const BOTTOM = 24;
    private const TOP = 14;

    /**
     * @param array<string, array{int, int}> $days calls and errors of each day, in order
     */
    public static function of(array $days): string
    {
        $most = max(1, ...array_values(array_map(static fn (array $day): int => $day[0], $days)));
        $floor = self::HEIGHT - self::BOTTOM;
        $scale = ($floor - self::TOP) / $most;
        $step = (self::WIDTH - self::LEFT) / max(1, count($days));
        $content = [
            Svg::line(self::LEFT, self::TOP, self::WIDTH, self::TOP),
            Svg::line(self::LEFT, $floor, self::WIDTH, $floor),
            Svg::label(self::LEFT - 6, self::TOP + 4, (string) $most, 'end'),
            Svg::label(self::LEFT - 6, $floor, '0', 'end'),
            Svg::label(self::LEFT, self::HEIGHT - 6, (string) array_key_first($days)),
            Svg::label(self::WIDTH, self::HEIGHT - 6, (string) array_key_last($days), 'end'),
        ];
        $x = self::LEFT;
        foreach ($days as $day => [$calls, $errors]) {
            $title = Labels::get('chart.calls.day', $day, $calls, $errors);
            foreach (['outbound-good' => [$calls - $errors, $errors], 'outbound-bad' => [$errors, 0]] as $class => [$count, $below]) {
                if ($count > 0) {
                    $y = $floor - ($below + $count) * $scale;
                    $content[] = Svg::bar($x + $step * .1, $y, $step * .8, $count * $scale, $class, $title);
                }
            }
            $x += $step;
        }
        return Svg::picture(self::WIDTH, self::HEIGHT, Labels::get('chart.calls'), $content);
    }
}
