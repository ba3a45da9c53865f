<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Transport\ResponseSpec;

/**
 * What a call ended in, where it ended in a response.
 *
 * @internal
 */
final readonly class CallEnd
{
    public function __construct(public ResponseSpec $response, public AuditEntry $entry)
    {
    }
}
