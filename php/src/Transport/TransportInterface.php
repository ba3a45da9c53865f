<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Sends one request and waits for its response. Whatever the HTTP status, a response is a result; what was refused or
 * failed is an exception. Extensions do not use it directly.
 *
 * @internal
 */
interface TransportInterface
{
    /**
     * @throws OutboundException with the class, code and audit record of the refusal or failure
     */
    public function send(#[\SensitiveParameter] RequestSpec $request): ResponseSpec;
}
