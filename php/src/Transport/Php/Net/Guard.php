<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;

/**
 * The address guard at the place where connections are made. Resolving and judging are one step, and what it returns is
 * the only list that is dialled.
 *
 * @internal
 */
final readonly class Guard
{
    public function __construct(private InternalHosts $internal, private Resolver $resolver = new SystemResolver())
    {
    }

    /**
     * The addresses of a host, all of which may be dialled.
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
     * Judges what can be judged of a host that the proxy resolves: its literal and its name.
     *
     * @throws OutboundException policy.address_not_allowed
     */
    public function unresolved(Host $host): void
    {
        $this->internal->judgeHost($host);
    }

    /**
     * The addresses of the proxy. The operator chose it, so they are not judged: they are private nearly everywhere.
     *
     * @return list<Address>
     * @throws OutboundException dns.not_found, dns.failed
     */
    public function unjudged(Host $host, Deadline $deadline): array
    {
        return $host->address === null ? $this->resolver->lookup($host->text, $deadline) : [$host->address];
    }
}
