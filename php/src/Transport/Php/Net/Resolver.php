<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Address;

/**
 * Finds the addresses of a name.
 *
 * @internal
 */
interface Resolver
{
    /**
     * @param Deadline $deadline of the call; a lookup may end after it
     * @return list<Address> every address of the name, without duplicates, in the system's order
     * @throws OutboundException dns.not_found, dns.failed
     */
    public function lookup(string $name, Deadline $deadline): array;
}
