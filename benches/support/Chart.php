<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

/**
 * A chart with a bar for the median of each client, a line from the first quartile to the third, and the ratio to the base client. Each
 * case has its own scale, because a call in php-fpm takes a hundred times as long as a warm one.
 */
final class Chart
{
    private const WIDTH = 860;
    private const LABELS = 250;
    private const BARS = 380;
    private const ROW = 24;
    private const OWN = ['SecureHttpClient', 'RustFfiTransport', 'PhpTransport', 'compiled', 'the library'];

    /**
     * @param list<Samples> $cases
     * @param list<string> $below lines of text below the bars
     */
    public static function draw(array $cases, array $below): string
    {
        $svg = '';
        $y = 12;
        foreach ($cases as $case) {
            $y += 20;
            $svg .= self::text(12, $y, $case->title, 'font-weight="bold"');
            $y += 8;
            $longest = max(1, ...array_map(static fn (string $client): float => $case->quantile($client, 0.75), array_keys($case->times)));
            foreach (array_keys($case->times) as $client) {
                $svg .= self::bar($case, $client, $y, self::BARS / $longest);
                $y += self::ROW;
            }
            $y += 10;
        }
        foreach ($below as $line) {
            $y += 14;
            $svg .= self::text(12, $y, $line, 'fill="#666" font-size="11"');
        }
        return sprintf(
            '<svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" font-family="sans-serif" '
                . 'font-size="13">' . "\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%3\$s</svg>\n",
            self::WIDTH,
            $y + 14,
            $svg,
        );
    }

    private static function bar(Samples $case, string $client, int $y, float $scale): string
    {
        $isOwn = array_filter(self::OWN, static fn (string $name): bool => str_starts_with($client, $name)) !== [];
        $middle = $y + self::ROW / 2;
        $end = self::LABELS + $case->median($client) * $scale;
        [$low, $high] = [self::LABELS + $case->quantile($client, 0.25) * $scale, self::LABELS + $case->quantile($client, 0.75) * $scale];
        return self::text(self::LABELS - 8, (int) $middle + 4, $client, 'text-anchor="end"')
            . sprintf(
                '<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' . "\n",
                self::LABELS,
                $y + 4,
                max(1, $end - self::LABELS),
                self::ROW - 8,
                $isOwn ? '#2f6f9f' : '#b9c3cc',
            )
            . sprintf('<path d="M%.1f %.1fH%.1f" stroke="#222" stroke-width="1.5"/>' . "\n", $low, $middle, $high)
            . self::text((int) max($end, $high) + 8, (int) $middle + 4, self::value($case, $case->median($client)) . self::behind($case->ratio($client)));
    }

    /** A value of a case, with its unit. */
    public static function value(Samples $case, float $value): string
    {
        return $case->unit === Samples::MICROSECONDS ? self::time($value) : sprintf('%d %s', $value, $case->unit);
    }

    private static function behind(?float $ratio): string
    {
        return $ratio === null ? '' : ' (' . self::ratio($ratio) . ')';
    }

    public static function time(float $microseconds): string
    {
        return $microseconds < 1000 ? sprintf('%.1f µs', $microseconds) : sprintf('%.2f ms', $microseconds / 1000);
    }

    public static function ratio(?float $ratio): string
    {
        return $ratio === null ? '' : sprintf($ratio < 0.095 ? '%.4f' : '%.2f', $ratio);
    }

    private static function text(int $x, int $y, string $text, string $more = ''): string
    {
        return sprintf('<text x="%d" y="%d" %s>%s</text>' . "\n", $x, $y, $more, htmlspecialchars($text, ENT_XML1));
    }
}
