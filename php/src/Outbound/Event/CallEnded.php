<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Event;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;

/**
 * A call to a service has ended, in a response, a refusal or a failure. Dispatched once per call, after its record has
 * been given to the audit sink.
 *
 * @api
 */
final readonly class CallEnded
{
    public function __construct(public AuditEntry $entry)
    {
    }
}
