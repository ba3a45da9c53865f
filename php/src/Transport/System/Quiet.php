<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * Runs what PHP may warn of, and shows nobody the warning. An error handler of the host hears of what "@" suppresses as
 * well, and where it throws, its exception would stand in the place of the result.
 *
 * @internal
 */
final class Quiet
{
    /**
     * @template T
     * @param \Closure(): T $work which does what it has to with what it is given back
     * @param string|null $warnings what PHP said, one line each: not for messages, as it may hold arguments
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
