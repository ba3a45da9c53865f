<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The services that can be called, by id. An entry with a fault disables its service and no other.
 *
 * @api
 */
interface ServiceRegistry
{
    /**
     * @throws OutboundException policy.service_unknown; policy.service_disabled with the entry's first problem
     */
    public function get(string $id): ServiceDefinition;

    /**
     * The id of every entry, including invalid ones.
     *
     * @return list<string>
     */
    public function ids(): array;

    /**
     * What is wrong with the entries.
     *
     * @return list<RegistryProblem>
     */
    public function problems(): array;
}
