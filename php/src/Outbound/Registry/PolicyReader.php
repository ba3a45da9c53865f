<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\PathPattern;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\PolicyForm;

/**
 * Reads the policy in an entry of a registry and collects its faults.
 *
 * @internal
 */
final class PolicyReader
{
    /** The form of entries in the lists, as far as it can be checked without a transport, and the message about invalid ones. */
    private const LISTS = [
        'allowed_methods' => [
            '/\A(?!(CONNECT|TRACE)\z)[A-Z][A-Z0-9_-]*\z/',
            'must be a list, not empty, of upper-case methods, CONNECT and TRACE excepted',
        ],
        'allowed_hosts' => ['~\A[^\s/@?#\\\\]+\z~', 'must be a list of "host" or "host:port"'],
        'allowed_paths' => ['~\A/[^?#\s]*\z~', 'must be a list of patterns that begin with "/"'],
    ];

    /** @var array<string, string> */
    private array $problems = [];

    /**
     * @param array<mixed>|null $map
     */
    public function read(?array $map): ?Policy
    {
        if ($map === null) {
            $this->problems[''] = 'is missing or no object: without one nothing is allowed';
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
            $this->problems['allowed_methods'] ??= 'is missing: without it nothing is allowed';
        }
        return $this->problems === [] ? Policy::fromWire($map) : null;
    }

    /**
     * Faults by field; "" stands for the policy itself.
     *
     * @return array<string, string>
     */
    public function problems(): array
    {
        return $this->problems;
    }

    private static function fault(string $key, mixed $value): ?string
    {
        if (!in_array($key, PolicyForm::KEYS, true)) {
            return 'is no key that a policy has';
        }
        $fault = PolicyForm::fault($key, $value);
        if (!isset(self::LISTS[$key])) {
            return $fault;
        }
        [$pattern, $message] = self::LISTS[$key];
        $texts = array_filter(
            is_array($value) ? $value : [],
            static fn (mixed $text): bool => is_string($text) && preg_match($pattern, $text) === 1,
        );
        $isSound = $fault === null && $texts === $value && ($texts !== [] || $key !== 'allowed_methods');
        return $isSound ? self::faultOfPattern($key, $texts) : $message;
    }

    /**
     * Why the transports would refuse each call by a pattern of this list.
     *
     * @param array<string> $patterns
     */
    private static function faultOfPattern(string $key, array $patterns): ?string
    {
        foreach ($key === 'allowed_paths' ? array_values($patterns) : [] as $index => $pattern) {
            try {
                PathPattern::parse($pattern);
            } catch (OutboundException $refusal) {
                return "has a pattern that cannot be used, at index $index: " . $refusal->reason();
            }
        }
        return null;
    }
}
