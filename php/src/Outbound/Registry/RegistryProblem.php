<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

/**
 * One fault of a registry. Its texts hold no value of the entry.
 *
 * @api
 */
final readonly class RegistryProblem
{
    /**
     * @param string $entry id of the service; "" for a fault of the whole registry, such as a file that is no JSON
     * @param string $field such as "policy.allowed_hosts" or "credentials.0.type"; "" for the whole entry
     * @param string $message what is wrong, and what would be right
     */
    public function __construct(
        public string $entry,
        public string $field,
        public string $message,
    ) {
    }
}
