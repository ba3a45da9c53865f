<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Decides about one request, or sends it and waits for its response. Whatever the HTTP status, a response is a result; what
 * was refused or failed is an exception. Extensions do not use it directly.
 *
 * @internal
 */
interface TransportInterface
{
    /**
     * Says beforehand whether send() would refuse a request. Nothing is sent, opened or resolved for that.
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
     * @param Decision|null $decided what decide() has said of this very request before its credentials and its body were there:
     *        the time of the call runs from there, and a transport need not judge again what cannot have changed since
     * @throws OutboundException with the class, code and audit record of the refusal or failure
     */
    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec;
}
