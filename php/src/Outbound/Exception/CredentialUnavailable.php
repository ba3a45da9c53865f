<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * No usable credential: classes credential, oauth.
 *
 * @api
 */
final class CredentialUnavailable extends OutboundException
{
    protected const NUMBER = 1795305602;
}
