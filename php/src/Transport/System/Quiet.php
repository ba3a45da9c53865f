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
    /**
     * @template T
     * @param \Closure(): T $work which handles the results itself
     * @param string|null $warnings PHP's warnings, one line for each; not for messages, since they may contain arguments
     * @return T
     */
    public static function call(#[\SensitiveParameter] \Closure $work, ?string &$warnings = null): mixed
    {
        $said = [];
        set_error_handler(static function (int $level, string $message) use (&$said): bool {
            $said[] = $message;
            return true;
        });
        try {
            return $work();
        } finally {
            restore_error_handler();
            $warnings = implode("\n", $said);
        }
    }
}
