<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * An entry of allowed_hosts, or of a binding's hosts: a host, or all subdomains of a name, on one port or on the default port of
 * the scheme.
 *
 * @internal
 */
final readonly class HostRule
{
    /**
     * @param Host|null $host the host itself; null for all names that end with $suffix
     * @param string $suffix a name with its leading dot
     * @param string|null $scheme the only scheme of the rule; null: any
     */
    private function __construct(
        private ?Host $host,
        private string $suffix,
        private ?int $port,
        private ?string $scheme = null,
    ) {
    }

    /**
     * Reads "host", "host:port", "*.example.com" or "[address]"; a port may follow each.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function parse(string $text): self
    {
        $isWildcard = str_starts_with($text, '*.');
        [$host, $port] = Host::parseWithPort($isWildcard ? substr($text, 2) : $text);
        if (!$isWildcard) {
            return new self($host, '', $port);
        }
        if (!$host->isName()) {
            throw OutboundException::malformed('a host rule has a wildcard in front of an address');
        }
        return new self(null, '.' . $host->text, $port);
    }

    /**
     * Reads an entry of a binding. The policy may get allow_http after the binding was sealed, so the entry is for https only,
     * unless it begins with "http://".
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function parseSealed(string $text): self
    {
        $isPlain = str_starts_with($text, 'http://');
        $rule = self::parse($isPlain ? substr($text, strlen('http://')) : $text);
        return new self($rule->host, $rule->suffix, $rule->port, $isPlain ? Origin::HTTP : Origin::HTTPS);
    }

    /** The rule that allows only the host and port of this origin. */
    public static function of(Origin $origin): self
    {
        return new self($origin->host, '', $origin->port);
    }

    public function hasPort(): bool
    {
        return $this->port !== null;
    }

    /**
     * An origin that represents all origins of the rule with this scheme: rules that allow it allow all of them.
     *
     * @param string $any a label that occurs in no rule
     */
    public function example(string $scheme, string $any): Origin
    {
        return new Origin($scheme, $this->host ?? Host::parse($any . $this->suffix), $this->port ?? Origin::defaultPort($scheme));
    }

    /** Whether the rule matches this host, on any port. A wildcard matches one or more labels, and not the name without them. */
    public function names(Host $host): bool
    {
        if ($this->host !== null) {
            return $this->host->equals($host);
        }
        return $host->isName() && str_ends_with($host->text, $this->suffix);
    }

    /** Whether the rule allows this origin: its host, its port, and its scheme if the rule has one. */
    public function allows(Origin $origin): bool
    {
        return $origin->scheme === ($this->scheme ?? $origin->scheme) && $this->allowsInAnyScheme($origin);
    }

    /** Whether the rule allows this origin if its scheme is ignored. */
    public function allowsInAnyScheme(Origin $origin): bool
    {
        return $this->names($origin->host) && $origin->port === ($this->port ?? Origin::defaultPort($origin->scheme));
    }
}
