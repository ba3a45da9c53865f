<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * An entry, or a list in it, as JSON on one line.
 *
 * @internal
 */
final class AuditRow
{
    /**
     * @param array<mixed> $row
     * @return string without the end of the line
     */
    public static function json(array $row): string
    {
        return json_encode($row, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
    }
}
