<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * The transfer failed: classes dns, connect, tls, timeout, protocol, cancelled, internal. sent() tells how far it got.
 *
 * @api
 */
final class TransferFailed extends OutboundException
{
    protected const NUMBER = 1795305603;
}
