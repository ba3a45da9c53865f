<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

/**
 * A transport that decides in another process: decide() costs what send() costs, which decides as well. Where nothing is read or
 * written between the two, send() is called alone.
 *
 * @internal
 */
interface RemoteDecision extends TransportInterface
{
}
