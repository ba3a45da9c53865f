<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * Scheme, host and port. Two URLs have the same origin if all three are equal.
 *
 * @internal
 */
final readonly class Origin
{
    public const HTTPS = 'https';
    public const HTTP = 'http';

    /**
     * @param string $scheme one of the constants
     * @param int $port the default port of the scheme if the URL has none
     */
    public function __construct(public string $scheme, public Host $host, public int $port)
    {
    }

    public static function defaultPort(string $scheme): int
    {
        return $scheme === self::HTTP ? 80 : 443;
    }

    public function equals(self $other): bool
    {
        return $this->text() === $other->text();
    }

    /** The origin as the beginning of a URL, without the default port of the scheme. */
    public function text(): string
    {
        return $this->scheme . '://' . $this->authority();
    }

    /** The entry among the hosts of a binding that allows it. */
    public function sealedText(): string
    {
        return $this->scheme === self::HTTP ? $this->text() : $this->authority();
    }

    private function authority(): string
    {
        $isDefault = $this->port === self::defaultPort($this->scheme);
        return $this->host->text . ($isDefault ? '' : ':' . $this->port);
    }
}
