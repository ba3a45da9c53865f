<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

/**
 * Finds who made a call: the first frame of the stack that is not of this library. Arguments are never read.
 *
 * @internal
 */
final class Caller
{
    /**
     * Beginnings of class names of this library. The namespace Service also has classes of other packages. The first entry is the
     * TYPO3 extension's client, which calls for its own callers.
     */
    private const OWN = [
        'Netresearch\\NrSecureOutbound\\DropIn\\',
        'Netresearch\\NrVault\\Outbound\\',
        'Netresearch\\NrVault\\Service\\SecureHttp',
        'Netresearch\\NrVault\\Transport\\',
    ];

    private const TESTS = 'Netresearch\\NrVault\\Outbound\\Tests\\';

    /** So many frames are looked at first: an application's stack may have a hundred, and a call has few of its own. */
    private const NEAR = 8;

    /** "Class::method" or "function", or "file.php:12" if a script calls outside of any function. */
    public static function find(): string
    {
        $near = debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS, self::NEAR);
        return self::among($near, count($near) < self::NEAR)
            ?? (string) self::among(debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS), true);
    }

    /**
     * @param list<array{file?: string, line?: int, class?: string, function: string, ...}> $frames
     * @param bool $isWhole whether the stack has no others
     * @return string|null null if another frame has to tell
     */
    private static function among(array $frames, bool $isWhole): ?string
    {
        $script = [];
        foreach ($frames as $frame) {
            $class = $frame['class'] ?? '';
            if (self::isOwn($class)) {
                $script = isset($frame['file']) ? $frame : $script;
                continue;
            }
            if ($class !== '') {
                // In the name of an anonymous class, NUL and a path follow.
                return strtok($class, "\0") . '::' . $frame['function'];
            }
            $isScript = in_array($frame['function'], ['include', 'include_once', 'require', 'require_once'], true);
            return $isScript ? self::place($script) : $frame['function'];
        }
        return $isWhole ? self::place($script) : null;
    }

    /**
     * @param array{file?: string, line?: int, ...} $frame
     */
    private static function place(array $frame): string
    {
        return isset($frame['file']) ? basename($frame['file']) . ':' . ($frame['line'] ?? 0) : 'unknown';
    }

    private static function isOwn(string $class): bool
    {
        foreach (self::OWN as $prefix) {
            if (str_starts_with($class, $prefix)) {
                return !str_starts_with($class, self::TESTS);
            }
        }
        return false;
    }
}
