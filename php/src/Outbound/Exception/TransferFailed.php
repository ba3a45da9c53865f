<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * The transfer broke: classes dns, connect, tls, timeout, protocol, cancelled, internal. Look at sent().
 *
 * @api
 */
final class TransferFailed extends OutboundException
{
    protected const NUMBER = 1795305603;
}
