<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Psr\Http\Message\UriInterface;

/**
 * Tells whether a request belongs to a stored service, by the base URL of the service. Whether it may be sent is decided by the
 * library.
 *
 * @internal
 */
final class BaseUrl
{
    private const PORTS = ['https' => 443, 'http' => 80];

    /**
     * The length of the path of the base URL if the URL lies below it; null if it does not.
     */
    public static function holds(string $base, UriInterface $uri): ?int
    {
        $parts = parse_url($base);
        if ($parts === false) {
            return null;
        }
        $scheme = strtolower($parts['scheme'] ?? '');
        $path = rtrim($parts['path'] ?? '', '/');
        $isOrigin = $scheme === strtolower($uri->getScheme())
            && strtolower($parts['host'] ?? '') === strtolower($uri->getHost())
            && ($parts['port'] ?? self::PORTS[$scheme] ?? null) === self::port($uri);
        $isBelow = $uri->getPath() === $path || str_starts_with($uri->getPath(), "$path/") || $path === '';
        return $isOrigin && $isBelow ? strlen($path) : null;
    }

    public static function port(UriInterface $uri): ?int
    {
        return $uri->getPort() ?? self::PORTS[strtolower($uri->getScheme())] ?? null;
    }

    /** Scheme, host and port of a URL. */
    public static function origin(UriInterface $uri): string
    {
        $port = $uri->getPort() === null ? '' : ':' . $uri->getPort();
        return strtolower($uri->getScheme()) . '://' . $uri->getHost() . $port;
    }
}
