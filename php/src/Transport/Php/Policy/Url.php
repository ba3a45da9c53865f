<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * An absolute URL in its parts; the path is not checked yet.
 *
 * @internal
 */
final readonly class Url
{
    /**
     * @param Origin|null $origin null for a scheme that is neither https nor http: this is an error only after the whole request
     *        was read
     * @param string $path as it was written; may be empty
     * @param string|null $query as it was written
     */
    private function __construct(
        private string $name,
        private ?Origin $origin,
        #[\SensitiveParameter] public string $path,
        #[\SensitiveParameter] public ?string $query,
    ) {
    }

    /**
     * @param string $name what an error calls the URL: its key
     * @throws OutboundException invalid_request.malformed
     */
    public static function parse(string $name, #[\SensitiveParameter] string $text): self
    {
        $scheme = self::scheme($text) ?? throw OutboundException::malformed("$name is not an absolute URL");
        if ($scheme !== Origin::HTTPS && $scheme !== Origin::HTTP) {
            return new self($name, null, '', null);
        }
        $rest = substr($text, strlen($scheme) + 1);
        if (!str_starts_with($rest, '//')) {
            throw OutboundException::malformed("$name is not an absolute URL");
        }
        if (str_contains($rest, '#')) {
            throw OutboundException::malformed("$name holds a fragment");
        }
        $parts = explode('?', substr($rest, 2), 2);
        [$rest, $query] = [$parts[0], $parts[1] ?? null];
        $authority = substr($rest, 0, strcspn($rest, '/'));
        if (str_contains($authority, '@')) {
            throw OutboundException::malformed("$name holds a user name or a password");
        }
        try {
            [$host, $port] = Host::parseWithPort($authority);
        } catch (OutboundException $refusal) {
            throw $refusal->about($name);
        }
        $origin = new Origin($scheme, $host, $port ?? Origin::defaultPort($scheme));
        return new self($name, $origin, substr($rest, strlen($authority)), $query);
    }

    /** The scheme of an absolute URL (RFC 3986 section 3.1) in lower case, null for a relative one. */
    public static function scheme(#[\SensitiveParameter] string $text): ?string
    {
        return preg_match('/\A([A-Za-z][A-Za-z0-9+.-]*):/', $text, $found) === 1 ? strtolower($found[1]) : null;
    }

    /** @throws OutboundException policy.scheme_not_allowed for another scheme than https and http */
    public function origin(): Origin
    {
        return $this->origin ?? throw OutboundException::create(
            'policy.scheme_not_allowed',
            "the scheme of $this->name is neither https nor http",
        );
    }

    /** @throws OutboundException invalid_request.malformed */
    public function canonicalQuery(bool $ofS3 = false): ?string
    {
        return $this->query === null ? null : Spelling::query($this->query, $ofS3);
    }

    /** @throws OutboundException policy.path_not_canonical */
    public function canonicalPath(bool $allowEncodedSlash, bool $ofS3 = false): string
    {
        return Spelling::path($this->path === '' ? '/' : $this->path, $allowEncodedSlash, $ofS3);
    }
}
