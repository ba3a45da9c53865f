<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Event;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;

/**
 * A call to a service has ended with a response, a refusal or a failure. The event is dispatched once for each call, after the
 * audit sink has got its record.
 *
 * @api
 */
final readonly class CallEnded
{
    public function __construct(public AuditEntry $entry)
    {
    }
}
