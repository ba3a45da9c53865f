<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;

/**
 * What a stored service is as an entry of the registry, and what is wrong with it.
 *
 * @internal
 */
final readonly class RowReading
{
    /**
     * @param array<string, mixed> $entry as the JSON registry has it
     * @param list<RegistryProblem> $problems
     */
    public function __construct(public string $id, public array $entry, public array $problems)
    {
    }

    /** With this one service. */
    public function registry(): ArrayServiceRegistry
    {
        return new ArrayServiceRegistry([$this->id => $this->entry]);
    }
}
