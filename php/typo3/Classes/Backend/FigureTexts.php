<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use Netresearch\NrSecureOutbound\Backend\Statistics\ServiceFigures;

/**
 * Figures of a service as its pages show them.
 *
 * @internal
 */
final class FigureTexts
{
    /** The days that are counted. */
    public const DAYS = 7;

    /** From this percentage on an error rate is shown as a fault. */
    private const NOTABLE = 5.0;

    /**
     * @return array{calls: int, last: string, errorRate: string, isFailing: bool, median: string} "" where there is no value
     */
    public static function of(ServiceFigures $figures): array
    {
        $rate = $figures->errorRate();
        return [
            'calls' => $figures->calls,
            'last' => $figures->last === null ? '' : Amounts::moment($figures->last),
            'errorRate' => $rate === null ? '' : Amounts::percent($rate),
            'isFailing' => $rate !== null && $rate >= self::NOTABLE,
            'median' => $figures->median === null ? '' : Amounts::duration($figures->median),
        ];
    }
}
