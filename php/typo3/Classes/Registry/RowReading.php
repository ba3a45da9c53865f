<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;

/**
 * A stored service as an entry of the JSON registry, and what is wrong with it.
 *
 * @internal
 */
final readonly class RowReading
{
    /**
     * @param array<string, mixed> $entry in the form of the JSON registry
     * @param list<RegistryProblem> $problems
     */
    public function __construct(public string $id, public array $entry, public array $problems)
    {
    }

    /** A registry with this service only. */
    public function registry(): ArrayServiceRegistry
    {
        return new ArrayServiceRegistry([$this->id => $this->entry]);
    }
}
