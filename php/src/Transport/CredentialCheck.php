<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A transport that can say whether the credentials of a request can be used: they are opened and wiped again, and its path
 * is not judged. It is no call.
 *
 * @internal
 */
interface CredentialCheck
{
    /**
     * @throws OutboundException with the code that the call would end with; configuration.transport_unavailable where the
     *         installed library cannot say it
     */
    public function check(#[\SensitiveParameter] RequestSpec $request): void;
}
