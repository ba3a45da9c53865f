<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\JsonObject;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * What a service's requests may do. The form is checked here; the library decides.
 *
 * Times are milliseconds, sizes are bytes of a body. For null, the default of the configuration applies.
 *
 * @api
 */
final readonly class Policy
{
    /** For more attempts, a queue is the right tool. */
    public const MAX_ATTEMPTS = 10;

    /**
     * @param list<string> $allowedMethods upper-case tokens; an empty list allows nothing
     * @param list<string>|null $allowedHosts "host" or "host:port"; null: the base URL's own; an empty list: nothing
     * @param list<string>|null $allowedPaths patterns for the whole path; null: all below the base path; an empty
     *        list: nothing
     * @param int $maxRedirects 0 hands a 3xx response to the caller
     * @param int $maxAttempts from 1 to MAX_ATTEMPTS
     * @param Breaker|null $breaker null: the service is never blocked
     * @param int|null $idleTimeoutMs for which nothing may come while a call waits
     * @param list<string>|null $httpVersions of "3", "2" and "1.1" those that may be spoken, if the configuration allows them too; null:
     *        all of its own
     * @param string|null $http3 how it is known that the API has HTTP/3: "registered", the operator says so; "alt-svc", it does itself;
     *        null: HTTP/3 is not tried
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(
        public array $allowedMethods,
        public ?array $allowedHosts = null,
        public ?array $allowedPaths = null,
        public bool $allowHttp = false,
        public bool $allowEncodedSlash = false,
        public int $maxRedirects = 0,
        public int $maxAttempts = 1,
        public ?int $timeoutMs = null,
        public ?int $requestBytes = null,
        public ?int $responseBytes = null,
        public ?Breaker $breaker = null,
        public ?int $idleTimeoutMs = null,
        public ?array $httpVersions = null,
        public ?string $http3 = null,
    ) {
        foreach ($this->toWire() as $key => $value) {
            $fault = PolicyForm::fault($key, $value);
            if ($fault !== null) {
                throw OutboundException::malformed("$key of the policy $fault");
            }
        }
    }

    /**
     * The object under "policy" in the request head; null values are omitted.
     *
     * @return array<string, mixed>
     */
    public function toWire(): array
    {
        return array_filter([
            'allowed_hosts' => $this->allowedHosts,
            'allowed_methods' => $this->allowedMethods,
            'allowed_paths' => $this->allowedPaths,
            'allow_http' => $this->allowHttp,
            'allow_encoded_slash' => $this->allowEncodedSlash,
            'max_redirects' => $this->maxRedirects,
            'max_attempts' => $this->maxAttempts,
            'breaker' => $this->breaker?->toWire(),
            'timeout_ms' => $this->timeoutMs,
            'idle_timeout_ms' => $this->idleTimeoutMs,
            'request_bytes' => $this->requestBytes,
            'response_bytes' => $this->responseBytes,
            'http_versions' => $this->httpVersions,
            'http3' => $this->http3,
        ], static fn (mixed $value): bool => $value !== null);
    }

    /**
     * The reverse of toWire(). A key that is not one of its keys is refused: a misspelt policy must not pass.
     *
     * @param array<mixed> $wire
     * @throws OutboundException invalid_request.malformed
     */
    public static function fromWire(array $wire): self
    {
        $unknown = Names::unknown('the policy', $wire, PolicyForm::KEYS);
        if ($unknown !== null) {
            throw OutboundException::malformed($unknown);
        }
        $breaker = $wire['breaker'] ?? null;
        $policy = new JsonObject($wire);
        try {
            return new self(
                $policy->strings('allowed_methods', []),
                $policy->stringsOrNull('allowed_hosts'),
                $policy->stringsOrNull('allowed_paths'),
                $policy->bool('allow_http', false),
                $policy->bool('allow_encoded_slash', false),
                $policy->int('max_redirects', 0),
                $policy->int('max_attempts', 1),
                $policy->intOrNull('timeout_ms'),
                $policy->intOrNull('request_bytes'),
                $policy->intOrNull('response_bytes'),
                match (true) {
                    $breaker === null => null,
                    is_array($breaker) => Breaker::fromWire($breaker),
                    default => throw $policy->unexpected('breaker'),
                },
                $policy->intOrNull('idle_timeout_ms'),
                $policy->stringsOrNull('http_versions'),
                $policy->stringOrNull('http3'),
            );
        } catch (\UnexpectedValueException $flaw) {
            throw OutboundException::malformed($flaw->getMessage() . ' of the policy has the wrong type');
        }
    }
}
