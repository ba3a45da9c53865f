<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

/**
 * What an import would do.
 *
 * @internal
 */
final class ImportPlan
{
    /** @var list<Difference> */
    public array $differences = [];

    /** @var list<array{service: string, kind: string, name: string}> secrets and users that this installation lacks */
    public array $missing = [];

    /** @var list<array{service: string, message: string}> */
    public array $refused = [];

    /** @var array<string, array<int|string, array<string, mixed>>> sets, as DataHandler takes them */
    public array $sets = [];

    /** @var array<string, array<int|string, array<string, mixed>>> services, likewise */
    public array $services = [];

    /** Whether everything in the file is stored already or can be stored. */
    public function isWhole(): bool
    {
        return $this->missing === [] && $this->refused === [];
    }
}
