<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\JsonObject;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * What a service's requests may do. The form is checked here; the library decides.
 *
 * Times are milliseconds, sizes are bytes of a body. A null time or size leaves the configuration's default.
 *
 * @api
 */
final readonly class Policy
{
    /** Whoever wants more attempts needs a queue rather than a call. */
    public const MAX_ATTEMPTS = 10;

    /**
     * @param list<string> $allowedMethods upper-case tokens; an empty list allows nothing
     * @param list<string>|null $allowedHosts "host" or "host:port"; null: the base URL's own; an empty list: nothing
     * @param list<string>|null $allowedPaths patterns for the whole path; null: all below the base path; an empty
     *        list: nothing
     * @param int $maxRedirects 0 hands a 3xx response to the caller
     * @param int $maxAttempts from 1 to MAX_ATTEMPTS
     * @param Breaker|null $breaker null: the service is never left alone
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
    ) {
        $lists = ['methods' => $allowedMethods, 'hosts' => $allowedHosts ?? [], 'paths' => $allowedPaths ?? []];
        foreach ($lists as $name => $list) {
            if (!self::areTexts($list)) {
                throw OutboundException::malformed("allowed_$name of the policy is not a list of strings.");
            }
        }
        if ($maxAttempts > self::MAX_ATTEMPTS) {
            throw OutboundException::malformed('max_attempts of the policy is above ' . self::MAX_ATTEMPTS . '.');
        }
        $numbers = ['max_redirects' => [$maxRedirects, 0], 'max_attempts' => [$maxAttempts, 1],
            'timeout_ms' => [$timeoutMs, 1], 'request_bytes' => [$requestBytes, 0], 'response_bytes' => [$responseBytes, 0]];
        foreach ($numbers as $name => [$number, $least]) {
            if ($number !== null && $number < $least) {
                throw OutboundException::malformed("$name of the policy is below $least.");
            }
        }
    }

    /**
     * The object under "policy" in the request head; what is null is left out.
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
            'request_bytes' => $this->requestBytes,
            'response_bytes' => $this->responseBytes,
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
        $keys = ['allowed_hosts', 'allowed_methods', 'allowed_paths', 'allow_http', 'allow_encoded_slash', 'max_redirects',
            'max_attempts', 'breaker', 'timeout_ms', 'request_bytes', 'response_bytes'];
        $unknown = Names::unknown('The policy', $wire, $keys);
        if ($unknown !== null) {
            throw OutboundException::malformed($unknown . '.');
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
            );
        } catch (\UnexpectedValueException $flaw) {
            throw OutboundException::malformed($flaw->getMessage() . ' of the policy has the wrong type.');
        }
    }

    /**
     * @param array<mixed> $list
     */
    private static function areTexts(array $list): bool
    {
        return array_is_list($list) && array_filter($list, is_string(...)) === $list;
    }
}
