<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Php\Policy\Target;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * A request as it is sent, with its credentials. Prepared owns the secrets in it, and wipes them.
 *
 * @internal
 */
final readonly class Outgoing
{
    /**
     * @param Secret|null $query with credentials, in place of the target's
     * @param list<array{string, string|Secret}> $headers names in lower case
     * @param bool $mayBeHttp2 whether HTTP/2 may be offered beside HTTP/1.1
     */
    public function __construct(
        public string $method,
        public Target $target,
        public ?Secret $query,
        #[\SensitiveParameter] public array $headers,
        #[\SensitiveParameter] public string|Secret|Upload $body,
        public bool $mayBeHttp2 = true,
    ) {
    }

    public function isSecure(): bool
    {
        return $this->target->origin->scheme === Origin::HTTPS;
    }

    /** Path and query, byte for byte as they are sent. */
    public function requestTarget(): string
    {
        $query = $this->query?->expose() ?? $this->target->query;
        return $this->target->path . ($query === null ? '' : '?' . $query);
    }

    /** The request to another target; on another origin, fields that the caller meant for one origin are removed. */
    public function to(Target $target): self
    {
        $leaves = !$target->origin->equals($this->target->origin);
        $headers = $leaves ? $this->without('authorization', 'cookie') : $this->headers;
        return new self($this->method, $target, $this->query, $headers, $this->body, $this->mayBeHttp2);
    }

    /** The request after a 303, or after a 301 or 302 to POST (RFC 9110 section 15.4). */
    public function asGet(): self
    {
        $headers = $this->without('content-type', 'content-encoding', 'content-language');
        $method = $this->method === 'HEAD' ? 'HEAD' : 'GET';
        return new self($method, $this->target, $this->query, $headers, '', $this->mayBeHttp2);
    }

    /**
     * @return list<array{string, string|Secret}>
     */
    private function without(string ...$names): array
    {
        return array_values(array_filter(
            $this->headers,
            static fn (array $field): bool => !in_array($field[0], $names, true),
        ));
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['method' => $this->method, 'target' => $this->target];
    }
}
