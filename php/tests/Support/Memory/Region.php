<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * A region of memory: its address in the process, and the place from which its bytes are read.
 */
final readonly class Region
{
    /**
     * @param int $offset the place of its bytes in the file that is read
     * @param string $name the name of the mapping in /proc/PID/smaps
     * @param bool $locked whether its pages are locked in memory and left out of core files
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
