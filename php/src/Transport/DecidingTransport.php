<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A transport that can say beforehand whether it would refuse a request. Nothing is sent, opened or resolved for that;
 * send() judges all of it again.
 *
 * @internal
 */
interface DecidingTransport extends TransportInterface
{
    /**
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
}
