<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

/**
 * A request before its credentials are put in.
 *
 * @internal
 */
final readonly class RequestDraft
{
    /**
     * @param list<array{string, string}> $headers the caller's, names in any case, values as bytes
     * @param string|null $query as it will be sent, without its question mark
     * @param string|null $keyHeader name of the field for the idempotency key, if the request has one; in lower case
     */
    public function __construct(
        #[\SensitiveParameter] public array $headers = [],
        #[\SensitiveParameter] public ?string $query = null,
        #[\SensitiveParameter] public string $body = '',
        public ?string $keyHeader = null,
    ) {
    }
}
