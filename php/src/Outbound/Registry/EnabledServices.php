<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A registry of which an installation may call only some services, for example on a test system with a copy of the database, or
 * in an emergency in which nothing may be sent.
 *
 * @api
 */
final readonly class EnabledServices implements ServiceRegistry
{
    /**
     * @param list<string> $enabled ids that may be called here, whether the registry has them or not; an empty list: none
     */
    public function __construct(private ServiceRegistry $registry, private array $enabled)
    {
    }

    public function get(string $id): ServiceDefinition
    {
        if (in_array($id, $this->enabled, true)) {
            return $this->registry->get($id);
        }
        // The registry is not asked: nothing of a service is read that must not be called here.
        $asked = preg_match(ServiceDefinition::ID, $id) === 1 ? ' "' . $id . '"' : '';
        throw OutboundException::create(
            'policy.service_not_enabled',
            "the service$asked may not be called in this installation, whose settings name "
                . ($this->enabled === [] ? 'none' : 'others'),
        );
    }

    /** The id of every entry, including those that may not be called here. */
    public function ids(): array
    {
        return $this->registry->ids();
    }

    public function problems(): array
    {
        return $this->registry->problems();
    }
}
