<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * Runs a function whose PHP warnings are not shown. "@" does not suffice: an error handler of the host is called
 * nevertheless, and an exception that it throws would replace the result.
 *
 * @internal
 */
final class Quiet
{
    /** The messages since the current call began. */
    private static string $said = '';

    /** One for all calls, because making a closure takes a noticeable part of the time of a short one. */
    private static ?\Closure $hear = null;

    /**
     * @template T
     * @param \Closure(): T $work which handles the results itself
     * @param string|null $warnings PHP's warnings, one line for each; not for messages, since they may contain arguments
     * @return T
     */
    public static function call(#[\SensitiveParameter] \Closure $work, ?string &$warnings = null): mixed
    {
        $before = self::$said;
        self::$said = '';
        set_error_handler(self::$hear ??= static function (int $level, string $message): bool {
            self::$said .= (self::$said === '' ? '' : "\n") . $message;
            return true;
        });
        try {
            return $work();
        } finally {
            restore_error_handler();
            $warnings = self::$said;
            self::$said = $before;
        }
    }
}
