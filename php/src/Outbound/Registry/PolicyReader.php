<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Transport\Breaker;
use Netresearch\NrVault\Transport\Policy;

/**
 * Reads the policy of a registry's entry and gathers what is wrong with it.
 *
 * @internal
 */
final class PolicyReader
{
    private const MAX_NUMBER = 4294967295;

    private const MAX_SIZE = 9007199254740991;

    /** @var array<string, string> */
    private array $problems = [];

    /**
     * @param array<mixed>|null $map
     */
    public function read(?array $map): ?Policy
    {
        if ($map === null) {
            $this->problems[''] = 'is missing or no object: without one nothing is allowed.';
            return null;
        }
        if (($map['breaker'] ?? null) instanceof \stdClass) {
            $map['breaker'] = get_object_vars($map['breaker']);
        }
        foreach ($map as $key => $value) {
            $message = self::fault((string) $key, $value);
            if ($message !== null) {
                $this->problems[(string) $key] = $message;
            }
        }
        if (!isset($map['allowed_methods'])) {
            $this->problems['allowed_methods'] ??= 'is missing: without it nothing is allowed.';
        }
        return $this->problems === [] ? Policy::fromWire($map) : null;
    }

    /**
     * By field; "" is the policy itself.
     *
     * @return array<string, string>
     */
    public function problems(): array
    {
        return $this->problems;
    }

    private static function fault(string $key, mixed $value): ?string
    {
        $good = match ($key) {
            'allowed_methods' => $value !== [] && self::isList($value, '/\A(?!(CONNECT|TRACE)\z)[A-Z][A-Z0-9_-]*\z/'),
            'allowed_hosts' => self::isList($value, '~\A[^\s/@?#\\\\]+\z~'),
            'allowed_paths' => self::isList($value, '~\A/[^?#\s]*\z~'),
            'allow_http', 'allow_encoded_slash' => is_bool($value),
            'max_redirects' => self::isBetween($value, 0, self::MAX_NUMBER),
            'max_attempts' => self::isBetween($value, 1, Policy::MAX_ATTEMPTS),
            'breaker' => self::isBreaker($value),
            'timeout_ms' => self::isBetween($value, 1, self::MAX_SIZE),
            'request_bytes', 'response_bytes' => self::isBetween($value, 0, self::MAX_SIZE),
            default => null,
        };
        if ($good === null) {
            return 'is no key that a policy has.';
        }
        return $good ? null : match ($key) {
            'allowed_methods' => 'must be a list, not empty, of upper-case methods, CONNECT and TRACE excepted.',
            'allowed_hosts' => 'must be a list of "host" or "host:port".',
            'allowed_paths' => 'must be a list of patterns that begin with "/".',
            'allow_http', 'allow_encoded_slash' => 'must be true or false.',
            'max_attempts' => 'must be a whole number from 1 to 10.',
            'breaker' => 'must be {"failures", "open_ms"}: whole numbers from 1, open_ms up to a day.',
            'max_redirects', 'request_bytes', 'response_bytes' => 'must be a whole number from 0.',
            default => 'must be a whole number from 1.',
        };
    }

    private static function isBetween(mixed $value, int $least, int $most): bool
    {
        return is_int($value) && $value >= $least && $value <= $most;
    }

    private static function isBreaker(mixed $value): bool
    {
        return is_array($value)
            && count($value) === 2
            && self::isBetween($value['failures'] ?? null, 1, Breaker::MAX_FAILURES)
            && self::isBetween($value['open_ms'] ?? null, 1, Breaker::MAX_OPEN_MS);
    }

    private static function isList(mixed $value, string $pattern): bool
    {
        return is_array($value) && array_is_list($value) && array_filter(
            $value,
            static fn (mixed $text): bool => !is_string($text) || preg_match($pattern, $text) !== 1,
        ) === [];
    }
}
