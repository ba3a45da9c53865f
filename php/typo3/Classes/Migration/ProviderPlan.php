<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Netresearch\NrVault\Transport\Placement;

/**
 * What becomes of one provider of nr-llm.
 *
 * @internal
 */
final readonly class ProviderPlan
{
    /**
     * @param string $name uid and identifier, for whoever reads it
     * @param string $id of the service, and of the credential set
     * @param string $secret its identifier in nr-vault
     * @param list<string> $steps what is left to do; none where all is done
     * @param list<string> $notes what else is to be known
     * @param string|null $problem why nothing can be done
     * @param bool $readsKey whether PHP has the key at each call, whatever makes it
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
