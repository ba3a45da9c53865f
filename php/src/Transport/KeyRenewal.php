<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * When the closures of keys are called again: an envelope that no key opens may have been sealed with a newer key. The closures
 * may be expensive, and the envelope may be damaged, so there is a pause between two calls.
 *
 * @internal
 */
final class KeyRenewal
{
    private const PAUSE_NS = 10_000_000_000;

    private readonly bool $isPossible;

    private ?int $last = null;

    /**
     * @param array<string, mixed> $config
     */
    public function __construct(#[\SensitiveParameter] array $config)
    {
        $this->isPossible = self::hasClosure($config['master_keys'] ?? null);
    }

    /** Whether the closures are to be called now; true at most once in each pause. */
    public function isDue(OutboundException $failure): bool
    {
        if (!$this->isPossible || $failure->errorCode() !== 'credential.authentication_failed') {
            return false;
        }
        $now = hrtime(true);
        if ($this->last !== null && $now - $this->last < self::PAUSE_NS) {
            return false;
        }
        $this->last = $now;
        return true;
    }

    private static function hasClosure(mixed $keys): bool
    {
        foreach (is_array($keys) ? $keys : [] as $entry) {
            if (is_array($entry) && ($entry['material'] ?? null) instanceof \Closure) {
                return true;
            }
        }
        return false;
    }
}
