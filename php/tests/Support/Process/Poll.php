<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

/**
 * Waits for a state that comes by itself. The bound ends a hanging run; no test is decided by it.
 */
final class Poll
{
    /**
     * @template T
     * @param callable(): T $probe asked again until it answers neither null nor false
     * @return T
     */
    public static function until(callable $probe, string $what, float $seconds = 120.0): mixed
    {
        $end = microtime(true) + $seconds;
        do {
            $answer = $probe();
            if ($answer !== null && $answer !== false) {
                return $answer;
            }
            usleep(5_000);
        } while (microtime(true) < $end);
        throw new \RuntimeException('Still waiting for: ' . $what);
    }
}
