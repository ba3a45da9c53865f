<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A transport that can have several calls at once, and hand over a response while it arrives.
 *
 * @internal
 */
interface ExchangesInterface extends TransportInterface
{
    /**
     * Begins a call. What can be refused without sending is thrown here.
     *
     * A collected response is ready once it is whole, has the times of send(), and may share a connection with others. Of one that
     * is read in pieces, defaults.timeout_ms covers the time to the first byte of the body; after that only what the request or
     * the policy say, or else limits.timeout_ms; and nothing may come for 60 s while somebody waits, if neither of them limits that
     * time or the whole time. At most 1 MiB of it is held before it is read.
     *
     * @param Decision|null $decided as for send()
     * @param BodySource|null $body in place of the request's own; decide() was told its length
     * @param bool $isCollected whether the response is wanted as a whole
     * @throws OutboundException with the audit record
     */
    public function start(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface;

    /**
     * Waits until one of these exchanges of this transport has something: its head, bytes, its end or its failure. Exchanges go on
     * only while this is called.
     *
     * @param list<ExchangeInterface> $exchanges
     * @param int $milliseconds at most; no native call waits longer than 100 ms
     * @return list<ExchangeInterface> those of them that have something
     */
    public function wait(array $exchanges, int $milliseconds): array;
}
