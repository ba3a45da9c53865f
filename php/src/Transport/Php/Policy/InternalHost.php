<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * A host that may have addresses which are not public.
 *
 * @internal
 */
final readonly class InternalHost
{
    private const FORM = 'host is a text, networks a list of texts, and ports a list of numbers up to 65535';

    /**
     * @param list<Network> $networks
     * @param list<int> $ports
     */
    private function __construct(public Host $host, private array $networks, private array $ports)
    {
    }

    /**
     * Reads an entry of the configuration.
     *
     * @throws OutboundException configuration.invalid
     */
    public static function read(int $index, mixed $entry): self
    {
        ['host' => $host, 'networks' => $networks, 'ports' => $ports] = self::checked($index, $entry);
        $internal = new self(
            self::host($index, $host),
            array_map(
                static fn (string $network): Network => Network::parse($network)
                    ?? throw self::invalid($index, 'a network is not in CIDR notation'),
                $networks,
            ),
            $ports,
        );
        if ($networks === [] || $ports === [] || in_array(0, $ports, true)) {
            throw self::invalid($index, 'networks and ports may not be empty, and no port may be 0');
        }
        if ($internal->host->address !== null && !$internal->holds($internal->host->address)) {
            throw self::invalid($index, 'the address lies outside its networks');
        }
        return $internal;
    }

    public function hasPort(int $port): bool
    {
        return in_array($port, $this->ports, true);
    }

    public function holds(Address $address): bool
    {
        foreach ($this->networks as $network) {
            if ($network->contains($address)) {
                return true;
            }
        }
        return false;
    }

    /** The exception about this entry of the configuration's internal_hosts. */
    public static function invalid(int $index, string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', 'internal_hosts[' . $index . ']: ' . $message);
    }

    private static function host(int $index, string $text): Host
    {
        // With a port an IPv6 address needs brackets; here no port can follow.
        $address = Address::parse($text);
        if ($address?->isV6() === true) {
            return Host::ofAddress($address);
        }
        try {
            return Host::parse($text);
        } catch (OutboundException) {
            throw self::invalid($index, 'host is neither a name nor an address');
        }
    }

    /**
     * @return array{host: string, networks: list<string>, ports: list<int>}
     */
    private static function checked(int $index, mixed $entry): array
    {
        $keys = ['host', 'networks', 'ports'];
        if (!is_array($entry) || count($entry) !== count($keys) || array_diff($keys, array_keys($entry)) !== []) {
            throw self::invalid($index, 'an entry has exactly the keys host, networks and ports');
        }
        try {
            $object = new JsonObject($entry);
            $checked = [
                'host' => $object->string('host'),
                'networks' => $object->strings('networks'),
                'ports' => $object->ints('ports'),
            ];
        } catch (\UnexpectedValueException) {
            throw self::invalid($index, self::FORM);
        }
        foreach ($checked['ports'] as $port) {
            if ($port < 0 || $port > 65535) {
                throw self::invalid($index, self::FORM);
            }
        }
        return $checked;
    }
}
