<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\Host;

/**
 * The destination of a connection: the target, or the proxy that makes a tunnel to it.
 *
 * @internal
 */
final readonly class Route
{
    /**
     * @param list<Address> $addresses the only ones to which connections are made
     */
    public function __construct(public Host $host, public int $port, public array $addresses, public ?Proxy $proxy)
    {
    }

    /**
     * The same route several times, each with one address of each family.
     *
     * @return non-empty-list<self>
     */
    public function turns(): array
    {
        $turns = [];
        $seen = [4 => 0, 6 => 0];
        foreach ($this->addresses as $address) {
            $turn = $seen[$address->isV6() ? 6 : 4]++;
            $turns[$turn] = [...($turns[$turn] ?? []), $address];
        }
        $routes = [];
        foreach ($turns as $addresses) {
            $routes[] = new self($this->host, $this->port, $addresses, $this->proxy);
        }
        return $routes === [] ? [$this] : $routes;
    }

    /**
     * The entry of CURLOPT_RESOLVE; none for a literal address, which libcurl does not resolve. It applies to every name: an
     * entry with the name itself could be misread, because libcurl gives a meaning to some characters at its beginning.
     *
     * @return list<string>
     */
    public function pin(): array
    {
        if (!$this->host->isName()) {
            return [];
        }
        $texts = array_map(
            static fn (Address $address): string => $address->isV6() ? '[' . $address->text() . ']' : $address->text(),
            $this->addresses,
        );
        return ['*:' . $this->port . ':' . implode(',', $texts)];
    }
}
