<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A transport that can check whether the credentials of a request can be used: it opens and wipes them. The path is not checked,
 * and nothing is sent.
 *
 * @internal
 */
interface CredentialCheck
{
    /**
     * @throws OutboundException with the code that the call would end with; configuration.transport_unavailable if the installed
     *         library cannot check it
     */
    public function check(#[\SensitiveParameter] RequestSpec $request): void;
}
