<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Service;

use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;

/**
 * A stored service as the module shows it.
 *
 * @internal
 */
final readonly class ServiceEntry
{
    /**
     * @param list<string> $problems what is wrong with it, other than that it is disabled
     * @param ServiceDefinition|null $definition null if the row makes none
     */
    public function __construct(
        public ServiceRow $row,
        public ServiceState $state,
        public array $problems,
        public ?ServiceDefinition $definition,
    ) {
    }
}
