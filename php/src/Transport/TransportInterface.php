<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Decides on one request, or sends it and waits for its response. A response is a result, whatever its HTTP status; a refusal or
 * a failure is an exception. Extensions do not use it directly.
 *
 * @internal
 */
interface TransportInterface
{
    /**
     * Decides in advance whether send() would refuse a request. Nothing is sent, opened or resolved.
     *
     * @param RequestSpec $request without credentials
     * @param list<CredentialReference> $references of the credentials that send() will be given
     * @param int|null $bodyLength of a body that is read only once the request is allowed; null: the request has it
     * @throws OutboundException the refusal, as send() would throw it, but without an audit record
     */
    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references = [],
        ?int $bodyLength = null,
    ): Decision;

    /**
     * @param Decision|null $decided the result of decide() for the same request, before its credentials and its body were read.
     *        The duration of the call starts there, and the transport need not repeat checks whose result cannot have changed
     * @throws OutboundException with the class, code and audit record of the refusal or failure
     */
    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec;
}
