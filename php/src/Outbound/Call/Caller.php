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

    /** "Class::method" or "function", or "file.php:12" if a script calls outside of any function. */
    public static function find(): string
    {
        $place = 'unknown';
        foreach (debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS) as $frame) {
            $class = $frame['class'] ?? '';
            if (self::isOwn($class)) {
                $place = isset($frame['file']) ? basename($frame['file']) . ':' . ($frame['line'] ?? 0) : $place;
                continue;
            }
            if ($class !== '') {
                // In the name of an anonymous class, NUL and a path follow.
                return strtok($class, "\0") . '::' . $frame['function'];
            }
            $isScript = in_array($frame['function'], ['include', 'include_once', 'require', 'require_once'], true);
            return $isScript ? $place : $frame['function'];
        }
        return $place;
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
