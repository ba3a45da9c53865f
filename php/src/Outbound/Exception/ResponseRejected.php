<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * A response arrived and may not be given to the caller: class response. httpStatus() says which.
 *
 * @api
 */
final class ResponseRejected extends OutboundException
{
    protected const NUMBER = 1795305604;
}
