<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * A copy of a secret in the memory of a process.
 */
final readonly class Copy
{
    /**
     * @param string $secret its name
     * @param string $form which of Forms::of
     * @param string $mapping what the process maps there
     * @param bool $locked in memory, and left out of cores
     */
    public function __construct(
        public string $secret,
        public string $form,
        public int $address,
        public string $mapping,
        public bool $locked,
    ) {
    }

    public function __toString(): string
    {
        $place = sprintf('%x %s%s', $this->address, $this->mapping, $this->locked ? ' (locked)' : '');
        return $this->secret . ' (' . $this->form . ') at ' . $place;
    }
}
