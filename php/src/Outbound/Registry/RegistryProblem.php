<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * One fault of a registry. Its texts contain no value of the entry, and names in them are made printable.
 *
 * @api
 */
final readonly class RegistryProblem
{
    public string $entry;
    public string $field;
    public string $message;

    /**
     * @param string $entry id of the service; "" for a fault of the whole registry, such as a file that is no JSON
     * @param string $field such as "policy.allowed_hosts" or "credentials.0.type"; "" for the whole entry
     * @param string $message what is wrong, and what would be right
     */
    public function __construct(
        string $entry,
        string $field,
        string $message,
    ) {
        $this->entry = Printable::text($entry, 64);
        $this->field = Printable::text($field, 255);
        $this->message = Printable::text($message);
    }
}
