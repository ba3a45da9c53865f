<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;

/**
 * The service of a call of nr-vault's client, or the refusal of the call. It is a registry with this one entry, so that a refused
 * call is recorded as any other.
 *
 * @internal
 */
final readonly class Choice implements ServiceRegistry
{
    public function __construct(public string $id, public ServiceDefinition|OutboundException $service)
    {
    }

    public function get(string $id): ServiceDefinition
    {
        if ($this->service instanceof OutboundException) {
            throw $this->service;
        }
        return $id === $this->id ? $this->service : (new ArrayServiceRegistry([]))->get($id);
    }

    public function ids(): array
    {
        return [$this->id];
    }

    public function problems(): array
    {
        return [];
    }
}
