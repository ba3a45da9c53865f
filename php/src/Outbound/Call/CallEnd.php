<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Transport\ResponseSpec;

/**
 * The result of a call that ended with a response.
 *
 * @internal
 */
final readonly class CallEnd
{
    public function __construct(public ResponseSpec $response, public AuditEntry $entry)
    {
    }
}
