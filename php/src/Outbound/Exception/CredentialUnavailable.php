<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * No credential could be used: classes credential, oauth.
 *
 * @api
 */
final class CredentialUnavailable extends OutboundException
{
    protected const NUMBER = 1795305602;
}
