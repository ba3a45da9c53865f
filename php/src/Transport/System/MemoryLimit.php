<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

/**
 * The memory that memory_limit still allows. Exceeding it is a fatal error, which cannot be caught.
 *
 * @internal
 */
final class MemoryLimit
{
    /** The message of response.too_large. */
    public const REFUSAL = "the response's body does not fit into PHP's memory_limit";

    /** PHP takes memory from the system in pieces of this size. One is left for what comes after a large string. */
    private const PIECE = 2 << 20;

    /**
     * The longest string that can be made now, in bytes.
     */
    public static function room(): int
    {
        // If a host has disabled these functions, calls are still possible.
        foreach (['ini_get', 'ini_parse_quantity', 'memory_get_usage'] as $function) {
            if (!function_exists($function)) {
                return PHP_INT_MAX;
            }
        }
        $limit = ini_parse_quantity(ini_get('memory_limit'));
        if ($limit <= 0) {
            return PHP_INT_MAX;
        }
        $taken = memory_get_usage(true);
        // A shorter string fits into memory that PHP already has, if half of the free bytes are contiguous.
        $within = min(self::PIECE, $taken - memory_get_usage()) >> 1;
        return max($limit - $taken - self::PIECE, $within, 0);
    }
}
