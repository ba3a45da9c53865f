<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The target of a request, checked in steps: its form, its scheme, its canonical form. Other checks come in between in the order
 * of errors, so each step finds only its own kind of error.
 *
 * @internal
 */
final readonly class Destination
{
    /**
     * @param list<array{string, string}> $query
     */
    private function __construct(
        private ?Url $base,
        private ?Url $url,
        #[\SensitiveParameter] private string $path,
        #[\SensitiveParameter] private array $query,
        private bool $ofS3,
    ) {
    }

    /**
     * Finds everything that is malformed, and nothing else. A URL replaces path and query.
     *
     * @param list<array{string, string}> $query
     * @throws OutboundException invalid_request.malformed
     */
    public static function read(
        #[\SensitiveParameter] ?string $baseUrl,
        #[\SensitiveParameter] ?string $url,
        #[\SensitiveParameter] string $path = '',
        #[\SensitiveParameter] array $query = [],
        bool $ofS3 = false,
    ): self {
        $base = $baseUrl === null ? null : Url::parse('base_url', $baseUrl);
        if ($base?->query !== null) {
            throw OutboundException::malformed('base_url holds a query');
        }
        $whole = $url === null ? null : Url::parse('url', $url);
        $whole?->canonicalQuery($ofS3);
        if ($base === null && $whole === null) {
            throw self::missing();
        }
        return new self($base, $whole, $path, $query, $ofS3);
    }

    /** @throws OutboundException policy.scheme_not_allowed for an unknown scheme, of the base URL as well */
    public function origin(): Origin
    {
        $base = $this->base?->origin();
        return $this->url?->origin() ?? $base ?? throw self::missing();
    }

    /** @throws OutboundException policy.scheme_not_allowed */
    public function baseOrigin(): ?Origin
    {
        return $this->base?->origin();
    }

    /**
     * If both are given, an absolute URL must have the origin of the base URL.
     *
     * @throws OutboundException policy.host_not_allowed
     */
    public function checkOrigin(): void
    {
        if ($this->base !== null && !$this->base->origin()->equals($this->origin())) {
            throw OutboundException::create('policy.host_not_allowed', 'the URL has another origin than base_url');
        }
    }

    /**
     * The target in canonical form, and the base path that it has to lie below.
     *
     * @return array{Target, string|null}
     * @throws OutboundException policy.path_not_canonical
     */
    public function canonical(bool $allowEncodedSlash): array
    {
        $basePath = $this->base?->canonicalPath($allowEncodedSlash, $this->ofS3);
        if ($this->url !== null) {
            $path = $this->url->canonicalPath($allowEncodedSlash, $this->ofS3);
            return [new Target($this->origin(), $path, $this->url->canonicalQuery($this->ofS3)), $basePath];
        }
        $base = $this->base ?? throw self::missing();
        $path = Spelling::path(Spelling::join($base->path, $this->path), $allowEncodedSlash, $this->ofS3);
        return [new Target($this->origin(), $path, Spelling::queryOfPairs($this->query)), $basePath];
    }

    /** @throws OutboundException policy.path_not_allowed if there is a base path, and the target is not below it */
    public static function checkBelow(Target $target, #[\SensitiveParameter] ?string $basePath): void
    {
        if ($basePath !== null && !Spelling::isBelow($target->path, $basePath)) {
            throw OutboundException::create('policy.path_not_allowed', 'the path lies outside the base path');
        }
    }

    private static function missing(): OutboundException
    {
        return OutboundException::malformed('base_url or url is required');
    }
}
