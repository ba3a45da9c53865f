<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

/**
 * Calls that have begun and have no record yet. A fatal error and exit() end PHP's work without any exception and without
 * any "finally"; what they leave open gets its record when the request of PHP ends.
 *
 * PHP clears the statics of a class with each of its requests.
 *
 * @internal
 */
final class OpenCalls
{
    /** Reserved for the end of a request that has used up its memory. */
    private const RESERVE = 1 << 17;

    /**
     * A process that is forked ends without the calls of its parent, and with its own.
     *
     * @var array<int, array{int, \Closure(): void}> process, and what writes the record, by a number of the call
     */
    private static array $open = [];

    private static int $last = 0;

    private static ?string $reserve = null;

    /**
     * @param \Closure(): void $interrupted writes the record of a call that was interrupted
     * @return int the number of the call, for end()
     */
    public static function begin(\Closure $interrupted): int
    {
        if (self::$reserve === null) {
            self::$reserve = str_repeat("\0", self::RESERVE);
            // Where a host has disabled it, a call that a fatal error ends has no record.
            if (function_exists('register_shutdown_function')) {
                register_shutdown_function(self::close(...));
            }
        }
        self::$open[++self::$last] = [self::process(), $interrupted];
        return self::$last;
    }

    /**
     * The record of the call goes to its sink now, by somebody else.
     *
     * @return bool whether it was open until now
     */
    public static function end(int $number): bool
    {
        $isOpen = isset(self::$open[$number]);
        unset(self::$open[$number]);
        return $isOpen;
    }

    /** Hosts that take functions away like to begin with this one, and do without forks. */
    private static function process(): int
    {
        return function_exists('getmypid') ? (int) getmypid() : 0;
    }

    private static function close(): void
    {
        self::$reserve = null;
        while (($number = array_key_first(self::$open)) !== null) {
            [$process, $interrupted] = self::$open[$number];
            unset(self::$open[$number]);
            if ($process === self::process()) {
                $interrupted();
            }
        }
    }
}
