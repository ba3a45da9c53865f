<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * An entry of allowed_paths, or of a binding's paths, compared with a whole canonical path: literal segments, {name} for one segment that is not
 * empty, and a final ** for the rest, which may be empty.
 *
 * @internal
 */
final readonly class PathPattern
{
    private const ANY = true;
    private const REST = false;

    /**
     * @param string $text as it was written
     * @param list<string|bool> $segments a string is a literal
     * @param bool $spansEncodedSlash whether a placeholder or the rest may match a segment with an encoded slash in it
     */
    private function __construct(
        public string $text,
        private array $segments,
        private bool $spansEncodedSlash = true,
    ) {
    }

    /**
     * Reads a pattern. Its literals are brought into the canonical form of paths, so /Bücher/{id} need not be percent-encoded.
     *
     * A * is refused in any other place than a final **: it would be read as a literal, although a wildcard was meant.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function parse(string $text, bool $ofS3 = false): self
    {
        if (!str_starts_with($text, '/')) {
            throw OutboundException::malformed('a path pattern does not start with a slash');
        }
        $segments = array_map(
            static fn (string $segment): string|bool => self::segment($segment, $ofS3),
            explode('/', substr($text, 1)),
        );
        foreach (array_slice($segments, 0, -1) as $segment) {
            if ($segment === self::REST || $segment === '') {
                throw OutboundException::malformed('a path pattern has an empty segment, or ** before its end');
            }
        }
        return new self($text, $segments);
    }

    /**
     * Reads a pattern of a binding. The policy may get allow_encoded_slash after the binding was sealed, and many servers read a
     * segment with an encoded slash as two. So {name} and ** do not match such a segment.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function parseSealed(string $text): self
    {
        return new self($text, self::parse($text)->segments, false);
    }

    /** Whether this canonical path fulfils the pattern. */
    public function matches(#[\SensitiveParameter] string $path): bool
    {
        $found = explode('/', substr($path, 1));
        foreach ($this->segments as $index => $wanted) {
            $segment = $found[$index] ?? null;
            if ($segment === null) {
                return false;
            }
            if ($wanted === self::REST) {
                return $this->spans(implode('/', array_slice($found, $index)));
            }
            if ($wanted === self::ANY ? $segment === '' || !$this->spans($segment) : $segment !== $wanted) {
                return false;
            }
        }
        return count($found) === count($this->segments);
    }

    /**
     * Whether the base path, or a path below it, can match the pattern.
     *
     * @param string $basePath canonical
     */
    public function reachesBelow(#[\SensitiveParameter] string $basePath): bool
    {
        // "/v1/" and "/v1" have the same segments in front of whatever lies below.
        $base = explode('/', rtrim($basePath, '/'));
        foreach (array_slice($base, 1) as $index => $segment) {
            $wanted = $this->segments[$index] ?? null;
            if ($wanted === self::REST) {
                return $this->spans(implode('/', array_slice($base, $index)));
            }
            if ($wanted === null || ($wanted === self::ANY ? !$this->spans($segment) : $segment !== $wanted)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Paths that represent all paths of the pattern: patterns or a base path that allow each of them allow all. A placeholder is
     * replaced by the segment of $base in its place if there is one, otherwise by $any.
     *
     * @param list<string> $base segments
     * @param string $any a segment that occurs in no pattern
     * @param int $depth how many segments the rest has at most, more than any pattern
     * @return list<string>
     */
    public function examples(array $base, string $any, int $depth): array
    {
        $path = '';
        foreach ($this->segments as $index => $segment) {
            if ($segment === self::REST) {
                $below = array_slice($base, $index);
                $path .= $below === [] ? '' : '/' . implode('/', $below);
                return [...($below === [] ? [] : [$path]), ...self::below($path, $any, $depth)];
            }
            $path .= '/' . ($segment === self::ANY ? $base[$index] ?? $any : $segment);
        }
        return [$path];
    }

    /**
     * The path with a slash, and paths of 1 to $depth segments below it, each with a slash at its end and without.
     *
     * @return list<string>
     */
    public static function below(string $path, string $any, int $depth): array
    {
        $paths = [$path . '/'];
        for ($i = 0; $i < $depth; $i++) {
            $path .= '/' . $any;
            array_push($paths, $path, $path . '/');
        }
        return $paths;
    }

    private function spans(#[\SensitiveParameter] string $segments): bool
    {
        return $this->spansEncodedSlash || stripos($segments, '%2f') === false;
    }

    private static function segment(string $text, bool $ofS3): string|bool
    {
        if ($text === '**') {
            return self::REST;
        }
        if (preg_match('/\A\{(.*)\}\z/s', $text, $placeholder) === 1) {
            if (preg_match('/\A[A-Za-z0-9_-]+\z/', $placeholder[1]) !== 1) {
                throw OutboundException::malformed('a path pattern has a placeholder that is not {name}');
            }
            return self::ANY;
        }
        if (strpbrk($text, '{}*') !== false) {
            throw OutboundException::malformed('a path pattern has a placeholder or wildcard that is no whole segment');
        }
        try {
            // An encoded slash is allowed in a pattern: whether one is allowed in the path is checked there, and otherwise the
            // pattern never matches.
            $literal = substr(Spelling::path('/' . $text, true), 1);
            return $ofS3 ? Spelling::component($literal) : $literal;
        } catch (OutboundException) {
            throw OutboundException::malformed('a path pattern is not canonical');
        }
    }
}
