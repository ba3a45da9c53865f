<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

/**
 * Waits until a state is reached. The time limit only ends a run that hangs; no test depends on it.
 */
final class Poll
{
    /**
     * @template T
     * @param callable(): T $probe called again until it returns neither null nor false
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
