<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Transport\Rust\LibraryLocator;

/**
 * The release library and the header that the tests run against.
 */
final class Build
{
    public static function library(): string
    {
        $file = getenv(LibraryLocator::ENVIRONMENT) ?: self::root() . '/target/release/libsecure_outbound.so';
        return realpath($file) ?: throw new \RuntimeException('No library at ' . $file . ': make build');
    }

    public static function header(): string
    {
        $file = self::root() . '/include/secure_outbound.h';
        return realpath($file) ?: throw new \RuntimeException('No header at ' . $file . '.');
    }

    /** The directory php/. */
    public static function php(): string
    {
        return dirname(__DIR__, 2);
    }

    private static function root(): string
    {
        return dirname(__DIR__, 3);
    }
}
