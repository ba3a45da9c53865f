<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Wire;

/**
 * An entry of allowed_hosts: a host or everything below a name, on one port or on the scheme's own.
 *
 * @internal
 */
final readonly class HostRule
{
    /**
     * @param Host|null $host the host itself; null for everything below $suffix
     * @param string $suffix a name with its leading dot
     */
    private function __construct(private ?Host $host, private string $suffix, private ?int $port)
    {
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
            throw Wire::malformed('a host rule has a wildcard in front of an address');
        }
        return new self(null, '.' . $host->text, $port);
    }

    /** The rule that this origin's host and port fulfil and nothing else. */
    public static function of(Origin $origin): self
    {
        return new self($origin->host, '', $origin->port);
    }

    public function hasPort(): bool
    {
        return $this->port !== null;
    }

    /** Whether the rule names this host, on whatever port. A wildcard spans labels and leaves out the apex. */
    public function names(Host $host): bool
    {
        if ($this->host !== null) {
            return $this->host->equals($host);
        }
        return $host->isName() && str_ends_with($host->text, $this->suffix);
    }

    /** Whether the rule allows this origin: its host, and its port. */
    public function allows(Origin $origin): bool
    {
        return $this->names($origin->host) && $origin->port === ($this->port ?? Origin::defaultPort($origin->scheme));
    }
}
