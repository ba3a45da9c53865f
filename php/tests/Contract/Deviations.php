<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * Where a transport does something else than the contract says: the one list, which docs/transports.md shows. The case
 * that meets a deviation asserts what the transport does instead; none is skipped.
 */
final class Deviations
{
    /** Id => names of the transports, and what they do instead. */
    public const LIST = [
        'connection-reuse' => [
            'transports' => [Transports::PHP],
            'instead' => 'Every request opens a connection of its own, and `connection_reused` is false.',
        ],
    ];
}
