<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * A response was received and may not be given to the caller: class response. httpStatus() returns its status.
 *
 * @api
 */
final class ResponseRejected extends OutboundException
{
    protected const NUMBER = 1795305604;
}
