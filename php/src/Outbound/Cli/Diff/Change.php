<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Diff;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * Something that the new registry allows and the old one does not.
 *
 * @internal
 */
final readonly class Change
{
    public string $service;
    public string $was;
    public string $now;

    /**
     * @param string $field key of the registry; "" for a new service
     * @param string $was "" for an added entry
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
