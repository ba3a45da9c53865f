<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Diff;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * Something that a registry allows and the one before it did not.
 *
 * @internal
 */
final readonly class Change
{
    public string $service;
    public string $was;
    public string $now;

    /**
     * @param string $field key of the registry; "" for a service that was not there
     * @param string $was "" where it is an entry that was added
     */
    public function __construct(string $service, public string $field, string $was, string $now)
    {
        $this->service = Printable::text($service);
        $this->was = Printable::text($was);
        $this->now = Printable::text($now);
    }

    public function text(): string
    {
        $was = $this->was === '' ? '' : $this->was . ' → ';
        return sprintf('  + %-28s %s%s', $this->field === '' ? 'service' : $this->field, $was, $this->now);
    }
}
