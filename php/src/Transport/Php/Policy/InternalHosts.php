<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The address guard: public addresses for everybody, others only for hosts that the configuration names.
 *
 * @internal
 */
final readonly class InternalHosts
{
    /**
     * @param array<string, InternalHost> $entries by the host's text
     */
    private function __construct(private array $entries)
    {
    }

    /**
     * Reads the configuration's internal_hosts. A host may be listed once.
     *
     * @param mixed $entries list<array{host: string, networks: list<string>, ports: list<int>}>
     * @throws OutboundException configuration.invalid
     */
    public static function read(mixed $entries): self
    {
        if (!is_array($entries) || !array_is_list($entries)) {
            throw OutboundException::create('configuration.invalid', 'internal_hosts is not a list');
        }
        $hosts = [];
        foreach ($entries as $index => $entry) {
            $internal = InternalHost::read($index, $entry);
            if (isset($hosts[$internal->host->text])) {
                throw InternalHost::invalid($index, 'an earlier entry has the same host');
            }
            $hosts[$internal->host->text] = $internal;
        }
        return new self($hosts);
    }

    /** The entry of this host, whatever the port. */
    public function entry(Host $host): ?InternalHost
    {
        return $this->entries[$host->text] ?? null;
    }

    /** The entry of this host, if it has this port. */
    public function find(Host $host, int $port): ?InternalHost
    {
        $entry = $this->entry($host);
        return $entry?->hasPort($port) === true ? $entry : null;
    }

    /**
     * Checks a host before it is resolved: literal addresses, and names that stand for one.
     *
     * @throws OutboundException policy.address_not_allowed
     */
    public function judgeHost(Host $host): void
    {
        if ($host->address !== null) {
            $this->judge($host, [$host->address]);
        }
        $special = $host->specialName();
        if ($special !== null && $this->entry($host) === null) {
            throw self::refused($special);
        }
    }

    /**
     * Checks all addresses of a host. The host is refused if one of them is not allowed, or if it has none. The port is not
     * checked: the policy has already refused other ports of an internal host.
     *
     * @param list<Address> $addresses
     * @throws OutboundException policy.address_not_allowed
     */
    public function judge(Host $host, array $addresses): void
    {
        if ($addresses === []) {
            throw OutboundException::create('policy.address_not_allowed', 'the host has no address');
        }
        $entry = $this->entry($host);
        foreach ($addresses as $address) {
            // A public address of an internal host is refused too: it is not in the networks that the administrator has
            // configured.
            $reason = match (true) {
                $entry === null => AddressRules::classify($address),
                $entry->holds($address) => null,
                default => AddressReason::OutsideNetworks,
            };
            if ($reason !== null) {
                throw self::refused($reason);
            }
        }
    }

    private static function refused(AddressReason $reason): OutboundException
    {
        return OutboundException::create(
            'policy.address_not_allowed',
            'an address of the host is not allowed: ' . $reason->value,
        );
    }
}
