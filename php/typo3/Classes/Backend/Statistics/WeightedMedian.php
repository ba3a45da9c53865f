<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Statistics;

/**
 * The value that half of all calls do not exceed, where each value counts for several calls.
 *
 * @internal
 */
final class WeightedMedian
{
    /**
     * @param array<int, int> $weights by value
     */
    public static function of(array $weights): ?int
    {
        ksort($weights);
        $half = array_sum($weights) / 2;
        $passed = 0;
        foreach ($weights as $value => $weight) {
            $passed += $weight;
            if ($passed >= $half && $weight > 0) {
                return $value;
            }
        }
        return null;
    }
}
