<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * The head of a response.
 *
 * @internal
 */
final readonly class ResponseHead
{
    /**
     * @param string $httpVersion "1.1" or "2"
     * @param list<array{string, string}> $headers lower-case names, those of one name together; values are bytes
     */
    public function __construct(
        public int $status,
        public string $httpVersion,
        #[\SensitiveParameter] public array $headers,
    ) {
    }

    /**
     * @return list<string> in order
     */
    public function values(string $name): array
    {
        $found = array_filter($this->headers, static fn (array $field): bool => $field[0] === $name);
        return array_column($found, 1);
    }

    /** Whether a body never follows it, whatever its fields say. */
    public function isBodiless(string $method): bool
    {
        return $method === 'HEAD' || in_array($this->status, [204, 304], true);
    }

    /**
     * What dumps show: not the headers, which may repeat what was sent.
     *
     * @return array<string, mixed>
     */
    public function __debugInfo(): array
    {
        return ['status' => $this->status, 'httpVersion' => $this->httpVersion];
    }
}
