<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Brings a URL from a document or a response into its canonical form.
 *
 * @internal
 */
final class Canonicalizer
{
    /**
     * The target of an absolute URL.
     *
     * @param string $name name of the URL in messages
     * @throws OutboundException
     */
    public static function fromUrl(#[\SensitiveParameter] string $url, string $name = 'url'): Target
    {
        $read = Url::parse($name, $url);
        return new Target($read->origin(), $read->canonicalPath(false), $read->canonicalQuery());
    }

    /**
     * The target of a Location, resolved against another target (RFC 3986 section 5.2), with the rules for every URL.
     *
     * Dot segments are resolved here, because relative references use them; encoded ones are refused. A fragment is removed,
     * since it is never sent.
     *
     * @throws OutboundException
     */
    public static function follow(Target $from, #[\SensitiveParameter] string $location, bool $allowEncodedSlash): Target
    {
        $location = explode('#', $location, 2)[0];
        $text = match (true) {
            Url::scheme($location) !== null => $location,
            str_starts_with($location, '//') => $from->origin->scheme . ':' . $location,
            default => self::absolute($from, $location),
        };
        $url = Url::parse('its location', $text);
        $origin = $url->origin();
        $query = $url->canonicalQuery();
        return new Target($origin, Spelling::path(self::withoutDots($url->path), $allowEncodedSlash), $query);
    }

    /** A reference without scheme and authority, made absolute. */
    private static function absolute(Target $from, #[\SensitiveParameter] string $location): string
    {
        if ($location === '') {
            return $from->text($from->query);
        }
        $path = substr($location, 0, strcspn($location, '?'));
        $query = substr($location, strlen($path));
        $directory = substr($from->path, 0, (int) strrpos($from->path, '/'));
        return $from->origin->text() . match (true) {
            $path === '' => $from->path,
            $path[0] === '/' => $path,
            default => $directory . '/' . $path,
        } . $query;
    }

    /** RFC 3986 section 5.2.4. */
    private static function withoutDots(#[\SensitiveParameter] string $path): string
    {
        $segments = array_slice(explode('/', $path), 1);
        $resolved = [];
        foreach ($segments as $index => $segment) {
            if ($segment !== '.' && $segment !== '..') {
                $resolved[] = $segment;
                continue;
            }
            if ($segment === '..') {
                array_pop($resolved);
            }
            // A path that ends in a dot segment gets a slash at its end.
            if ($index === count($segments) - 1) {
                $resolved[] = '';
            }
        }
        return '/' . implode('/', $resolved);
    }
}
