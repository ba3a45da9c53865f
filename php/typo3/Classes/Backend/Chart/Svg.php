<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Chart;

/**
 * Elements of an SVG picture. It is part of the page: the style of the backend colours it, and no script is needed.
 *
 * @internal
 */
final class Svg
{
    /**
     * @param list<string> $content
     */
    public static function picture(int $width, int $height, string $title, array $content): string
    {
        return sprintf(
            '<svg class="outbound-chart" viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>',
            $width,
            $height,
            self::text($title),
            implode('', $content),
        );
    }

    /**
     * @param string $title shown while the pointer is on the bar
     */
    public static function bar(float $x, float $y, float $width, float $height, string $class, string $title): string
    {
        return sprintf(
            '<rect class="%s" x="%.1F" y="%.1F" width="%.1F" height="%.1F"><title>%s</title></rect>',
            $class,
            $x,
            $y,
            $width,
            $height,
            self::text($title),
        );
    }

    public static function line(float $x1, float $y1, float $x2, float $y2): string
    {
        return sprintf('<line class="outbound-axis" x1="%.1F" y1="%.1F" x2="%.1F" y2="%.1F"/>', $x1, $y1, $x2, $y2);
    }

    /**
     * @param 'start'|'end' $anchor
     */
    public static function label(float $x, float $y, string $text, string $anchor = 'start'): string
    {
        return sprintf('<text x="%.1F" y="%.1F" text-anchor="%s">%s</text>', $x, $y, $anchor, self::text($text));
    }

    private static function text(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_XML1);
    }
}
