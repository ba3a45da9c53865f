<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * A copy of a secret in the memory of a process.
 */
final readonly class Copy
{
    /**
     * @param string $secret the name of the secret
     * @param string $form the name of its form, as in Forms::of()
     * @param string $mapping the name of the mapping in /proc/PID/smaps
     * @param bool $locked whether its pages are locked in memory and left out of core files
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
