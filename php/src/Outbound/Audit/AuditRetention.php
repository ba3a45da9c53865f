<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * A sink that can delete records that need not be stored any longer. Run purge() once a day, from cron or a scheduler.
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
     * @return int the number of deleted records: rows of a table, or lines of files
     * @throws AuditSinkException records deleted before the failure stay deleted; call again
     */
    public function purge(int $days = self::DAYS): int;
}
