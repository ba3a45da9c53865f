<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;

/**
 * The address guard at the place where connections are made. Addresses are resolved and checked in one step, and connections are
 * made only to the addresses that it returns.
 *
 * @internal
 */
final readonly class Guard
{
    public function __construct(private InternalHosts $internal, private Resolver $resolver = new SystemResolver())
    {
    }

    /**
     * The addresses of a host; connections to all of them are allowed.
     *
     * @return list<Address>
     * @throws OutboundException policy.address_not_allowed, dns.not_found, dns.failed
     */
    public function addresses(Host $host, Deadline $deadline): array
    {
        $this->unresolved($host);
        $addresses = $this->unjudged($host, $deadline);
        $this->internal->judge($host, $addresses);
        return $addresses;
    }

    /**
     * Checks a host that the proxy resolves, as far as possible: a literal address, or a special name.
     *
     * @throws OutboundException policy.address_not_allowed
     */
    public function unresolved(Host $host): void
    {
        $this->internal->judgeHost($host);
    }

    /**
     * The addresses of the proxy. They are not checked, since the operator has chosen the proxy, and its address is nearly always
     * private.
     *
     * @return list<Address>
     * @throws OutboundException dns.not_found, dns.failed
     */
    public function unjudged(Host $host, Deadline $deadline): array
    {
        return $host->address === null ? $this->resolver->lookup($host->text, $deadline) : [$host->address];
    }
}
