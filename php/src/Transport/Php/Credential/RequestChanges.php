<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The changes that credentials make to a request.
 *
 * @internal
 */
final readonly class RequestChanges
{
    /**
     * @param list<array{string, Secret}> $headers to add, names in lower case; none of them is in the draft
     * @param Secret|null $query to send instead of the draft's
     * @param Secret|null $body to send instead of the draft's
     * @param Redactor $redactor finds the secrets of the request in a response
     */
    public function __construct(
        public array $headers,
        public ?Secret $query,
        public ?Secret $body,
        public Redactor $redactor,
    ) {
    }

    /** Wipes what was to be sent; the redactor stays usable until it is wiped itself. */
    public function wipe(): void
    {
        foreach ($this->headers as [, $value]) {
            $value->wipe();
        }
        $this->query?->wipe();
        $this->body?->wipe();
    }
}
