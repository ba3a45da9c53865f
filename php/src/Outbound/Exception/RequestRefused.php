<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * The request was refused before anything was sent: classes invalid_request, policy, configuration.
 *
 * @api
 */
final class RequestRefused extends OutboundException
{
    protected const NUMBER = 1795305601;
}
