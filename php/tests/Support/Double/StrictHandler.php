<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

/**
 * The error handler of a host that turns every warning into an exception, even a suppressed one.
 */
final class StrictHandler
{
    /**
     * @template T
     * @param \Closure(): T $work
     * @return T
     */
    public static function around(#[\SensitiveParameter] \Closure $work): mixed
    {
        set_error_handler(static function (int $level, string $message): never {
            throw new \ErrorException($message, 0, $level);
        });
        try {
            return $work();
        } finally {
            restore_error_handler();
        }
    }
}
