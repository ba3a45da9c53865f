<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * A request that may be sent if its addresses are allowed as well.
 *
 * @internal
 */
final readonly class Admitted
{
    /**
     * @param string|null $pathTemplate the pattern of allowed_paths that matched, if the policy has any
     * @param list<array{string, string}> $headers the caller's: names in lower case, those of one name together
     * @param string $idempotencyHeader name of the field for an idempotency key, in lower case
     * @param RequestPolicy $policy the policy that every redirect has to fulfil
     * @param list<array{string, self}> $alternatives by the suffix of the secret, the first that fits counts
     */
    public function __construct(
        public string $method,
        public Target $target,
        public ?string $pathTemplate,
        #[\SensitiveParameter] public array $headers,
        public string $idempotencyHeader,
        public RequestPolicy $policy,
        #[\SensitiveParameter] private array $alternatives = [],
    ) {
    }

    /**
     * The alternative for a secret with its suffix, or this object if none matches.
     *
     * @param \Closure(string): bool $endsWith
     */
    public function chosenBy(\Closure $endsWith): self
    {
        return Alternatives::chosen($this->alternatives, $endsWith, $this);
    }

    /**
     * What dumps show: not the header fields, whose values are for the server only.
     *
     * @return array<string, mixed>
     */
    public function __debugInfo(): array
    {
        return ['method' => $this->method, 'target' => $this->target, 'pathTemplate' => $this->pathTemplate];
    }
}
