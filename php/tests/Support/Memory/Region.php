<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * A stretch of memory: where it lies in the process, and where its bytes are read from.
 */
final readonly class Region
{
    /**
     * @param int $offset in the file that is read
     * @param string $name what the process maps there
     * @param bool $locked in memory, and left out of cores
     */
    public function __construct(
        public int $address,
        public int $length,
        public int $offset,
        public string $name = '',
        public bool $locked = false,
    ) {
    }
}
