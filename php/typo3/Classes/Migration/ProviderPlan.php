<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Netresearch\NrVault\Transport\Placement;

/**
 * The steps that migrate one provider of nr-llm.
 *
 * @internal
 */
final readonly class ProviderPlan
{
    /**
     * @param string $name uid and identifier, to be shown
     * @param string $id id of the service, and of the credential set
     * @param string $secret its identifier in nr-vault
     * @param list<string> $steps what is still to be done; empty if everything is done
     * @param list<string> $notes what the person who runs the migration should know besides
     * @param string|null $problem why nothing can be done
     * @param bool $readsKey whether PHP has the key at each call, even if the library makes it
     */
    public function __construct(
        public int $uid,
        public string $name,
        public StoredKey $key,
        public string $id = '',
        public string $baseUrl = '',
        public ?Placement $placement = null,
        public string $secret = '',
        public array $steps = [],
        public array $notes = [],
        public ?string $problem = null,
        public bool $readsKey = false,
    ) {
    }
}
