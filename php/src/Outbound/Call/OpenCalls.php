<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

/**
 * Calls that have begun and have no record yet. A fatal error and exit() end a PHP request without an exception and without
 * "finally"; calls that are open then get their record at the end of the PHP request.
 *
 * PHP clears static properties between requests.
 *
 * @internal
 */
final class OpenCalls
{
    /** Reserved for the end of a request that has used up its memory. */
    private const RESERVE = 1 << 17;

    /**
     * A forked process writes records of its own calls only, and not of those of its parent.
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
            // If a host has disabled the function, a call that ends with a fatal error has no record.
            if (function_exists('register_shutdown_function')) {
                register_shutdown_function(self::close(...));
            }
        }
        self::$open[++self::$last] = [self::process(), $interrupted];
        return self::$last;
    }

    /**
     * Removes a call, because the caller of this method writes the record now.
     *
     * @return bool whether it was open until now
     */
    public static function end(int $number): bool
    {
        $isOpen = isset(self::$open[$number]);
        unset(self::$open[$number]);
        return $isOpen;
    }

    /** The number of this process; 0 if the host has disabled the function; such a host does not fork. */
    public static function process(): int
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
