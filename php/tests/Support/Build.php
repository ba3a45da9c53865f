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

    /** The daemon; `make test-php` builds it. */
    public static function sidecar(): string
    {
        $file = getenv('SECURE_OUTBOUND_SIDECAR') ?: self::root() . '/target/debug/secure-outbound-sidecar';
        return realpath($file) ?: throw new \RuntimeException('No sidecar at ' . $file . ': make build-sidecar');
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

    /**
     * The sources of the library.
     *
     * @return array<string, string> the code by path in src/, sorted by path
     */
    public static function sources(): array
    {
        $root = self::php() . '/src/';
        $sources = [];
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($root, \FilesystemIterator::SKIP_DOTS)) as $file) {
            $sources[substr($file->getPathname(), strlen($root))] = (string) file_get_contents($file->getPathname());
        }
        ksort($sources);
        return $sources ?: throw new \RuntimeException('No sources below ' . $root . '.');
    }

    private static function root(): string
    {
        return dirname(__DIR__, 3);
    }
}
