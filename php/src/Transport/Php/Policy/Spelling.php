<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The canonical form of paths and queries. A text that could be read in two ways is refused, never corrected.
 *
 * @internal
 */
final class Spelling
{
    /** Everything but RFC 3986's pchar, the slash between segments, and the percent sign of an escape. */
    private const NOT_PATH = '~[^A-Za-z0-9\-._\~!$&\'()*+,;=:@/%]~';

    /**
     * The canonical spelling of a whole path: what RFC 3986 does not allow in a segment is percent-encoded, escapes
     * stay as they are.
     *
     * @param bool $ofS3 whether it is spelt in AWS's UriEncode form, in which S3 signs: everything but unreserved characters is
     *        percent-encoded, in upper-case hex. S3 reads an encoded slash as a slash.
     * @throws OutboundException policy.path_not_canonical
     */
    public static function path(#[\SensitiveParameter] string $raw, bool $allowEncodedSlash, bool $ofS3 = false): string
    {
        self::checkBytes($raw, $allowEncodedSlash && !$ofS3);
        if (!str_starts_with($raw, '/')) {
            throw self::refused('it does not start with a slash');
        }
        // Only the last segment may be empty: that is a trailing slash.
        if (str_contains($raw, '//')) {
            throw self::refused('it holds an empty segment');
        }
        foreach (explode('/', $raw) as $segment) {
            if (self::isDotSegment($segment)) {
                throw self::refused('it holds a dot segment');
            }
        }
        return $ofS3
            ? implode('/', array_map(self::component(...), explode('/', $raw)))
            : self::encode(self::NOT_PATH, $raw);
    }

    /**
     * A query that came in a URL. It is not changed, and invalid escapes are left to the server; characters that are not allowed
     * in a query are percent-encoded, as browsers and PHP's clients do. The query does not influence where a request may go.
     *
     * @param bool $ofS3 whether it is spelt in the form of S3's paths; what reads in two ways is refused then
     * @throws OutboundException invalid_request.malformed
     */
    public static function query(#[\SensitiveParameter] string $raw, bool $ofS3 = false): string
    {
        if (preg_match('/[\x00-\x1F\x7F#]/', $raw) !== 0) {
            throw OutboundException::malformed('a query holds a control character or a number sign');
        }
        if (!$ofS3) {
            return self::encode('/[ "<>\x80-\xFF]/', $raw);
        }
        if (str_contains($raw, '+')) {
            throw OutboundException::malformed(
                'the query has a plus, which is a space to some and a plus to others: write %20 or %2B',
            );
        }
        if (preg_match('/%(?![0-9A-Fa-f]{2})/', $raw) !== 0) {
            throw OutboundException::malformed('a query of S3 holds a broken escape');
        }
        $pairs = array_map(
            static fn (string $pair): string => implode('=', array_map(self::component(...), explode('=', $pair, 2))),
            explode('&', $raw),
        );
        return implode('&', $pairs);
    }

    /** Whether a parameter of the query is one of those of a signed URL of AWS. */
    public static function hasAmzParameter(#[\SensitiveParameter] string $query): bool
    {
        foreach (explode('&', $query) as $pair) {
            if (str_starts_with(strtolower(rawurldecode(explode('=', $pair, 2)[0])), 'x-amz-')) {
                return true;
            }
        }
        return false;
    }

    /**
     * The query of names and values, encoded by RFC 3986.
     *
     * @param list<array{string, string}> $pairs
     * @return string|null null if there are none
     */
    public static function queryOfPairs(#[\SensitiveParameter] array $pairs): ?string
    {
        $fields = array_map(
            static fn (array $pair): string => rawurlencode($pair[0]) . '=' . rawurlencode($pair[1]),
            $pairs,
        );
        return $fields === [] ? null : implode('&', $fields);
    }

    /** A path below a base path. There is exactly one slash between them. */
    public static function join(#[\SensitiveParameter] string $base, #[\SensitiveParameter] string $path): string
    {
        if ($path === '') {
            return $base === '' ? '/' : $base;
        }
        $base = str_ends_with($base, '/') ? substr($base, 0, -1) : $base;
        return $base . '/' . (str_starts_with($path, '/') ? substr($path, 1) : $path);
    }

    /** Whether a path is the base path or below it, by whole segments. */
    public static function isBelow(#[\SensitiveParameter] string $path, #[\SensitiveParameter] string $base): bool
    {
        return $path === $base || str_starts_with($path, str_ends_with($base, '/') ? $base : $base . '/');
    }

    public static function notCanonical(string $message): OutboundException
    {
        return OutboundException::create('policy.path_not_canonical', $message);
    }

    private static function encode(string $bytes, #[\SensitiveParameter] string $raw): string
    {
        return preg_replace_callback($bytes, static fn (array $byte): string => rawurlencode($byte[0]), $raw)
            ?? throw self::refused('it is too long');
    }

    /** What is percent-encoded in one way or the other, percent-encoded in one. */
    public static function component(#[\SensitiveParameter] string $text): string
    {
        return rawurlencode(rawurldecode($text));
    }

    private static function checkBytes(#[\SensitiveParameter] string $raw, bool $allowEncodedSlash): void
    {
        // The first fault from the left counts.
        $faults = '/%(?![0-9A-Fa-f]{2})(*MARK:escape)|(?:[\x00-\x1F\x7F]|%[01][0-9A-Fa-f]|%7[Ff])(*MARK:control)'
            . '|(?:\\\\|%5[Cc])(*MARK:backslash)|[?#](*MARK:delimiter)'
            . ($allowEncodedSlash ? '' : '|%2[Ff](*MARK:slash)') . '/';
        if (preg_match($faults, $raw, $fault) === 0) {
            return;
        }
        throw self::refused(match ($fault['MARK'] ?? null) {
            'escape' => 'it holds a broken escape',
            'control' => 'it holds a control character',
            'backslash' => 'it holds a backslash',
            'delimiter' => 'it holds a question mark or a number sign',
            'slash' => 'it holds an encoded slash',
            default => 'it is too long',
        });
    }

    /** A server may decode escapes, an encoded slash too, or cut off a ; parameter before it looks for dots. */
    private static function isDotSegment(#[\SensitiveParameter] string $segment): bool
    {
        return preg_match('~(?:\A|/)\.{1,2}(?:;|/|\z)~', rawurldecode($segment)) !== 0;
    }

    private static function refused(string $why): OutboundException
    {
        return self::notCanonical('the path is not canonical: ' . $why);
    }
}
