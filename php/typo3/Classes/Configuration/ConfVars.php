<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

/**
 * $GLOBALS['TYPO3_CONF_VARS'], whose values may have any type.
 *
 * @internal
 */
final class ConfVars
{
    /** The value at this path; null if there is none. */
    public static function at(string ...$path): mixed
    {
        $value = $GLOBALS['TYPO3_CONF_VARS'] ?? null;
        foreach ($path as $key) {
            $value = is_array($value) ? $value[$key] ?? null : null;
        }
        return $value;
    }

    public static function text(string ...$path): string
    {
        $value = self::at(...$path);
        return is_string($value) ? $value : '';
    }

    /**
     * Sets one value. What is on the way to it and is no array becomes one.
     */
    public static function put(mixed $value, string|int ...$keys): void
    {
        $place = &$GLOBALS['TYPO3_CONF_VARS'];
        foreach ($keys as $key) {
            $place = is_array($place) ? $place : [];
            $place = &$place[$key];
        }
        $place = $value;
    }
}
