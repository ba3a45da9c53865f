<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * A sink that can delete what is older than it has to be kept. Run purge() once a day, from cron or a scheduler.
 *
 * @api
 */
interface AuditRetention
{
    public const DAYS = 90;

    /**
     * Deletes the records that are older than so many days.
     *
     * @param int $days at least 1
     * @return int how many were deleted: rows of a table, lines of files
     * @throws AuditSinkException what was deleted until then stays deleted; call again
     */
    public function purge(int $days = self::DAYS): int;
}
