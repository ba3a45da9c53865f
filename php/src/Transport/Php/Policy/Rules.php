<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Hosts, methods and path patterns: the form that a policy and a credential's binding have in common. A list that is
 * absent restricts nothing, an empty one allows nothing.
 *
 * @internal
 */
final readonly class Rules
{
    /**
     * @param list<HostRule>|null $hosts
     * @param list<string>|null $methods
     * @param list<PathPattern>|null $paths the first that matches counts
     */
    private function __construct(public ?array $hosts, public ?array $methods, public ?array $paths)
    {
    }

    /**
     * Reads the lists of a policy.
     *
     * @param list<string>|null $hosts
     * @param list<string>|null $methods
     * @param list<string>|null $paths
     * @throws OutboundException invalid_request.malformed for an entry that cannot be read
     */
    public static function parse(?array $hosts, ?array $methods, ?array $paths, bool $ofS3 = false): self
    {
        return new self(
            self::named('allowed_hosts', $hosts, HostRule::parse(...)),
            self::named('allowed_methods', $methods, HeaderRules::method(...)),
            self::named('allowed_paths', $paths, static fn (string $path): PathPattern => PathPattern::parse($path, $ofS3)),
        );
    }

    /**
     * Reads the list of hosts that has this name, and restricts nothing else.
     *
     * @param list<string> $hosts
     * @throws OutboundException invalid_request.malformed for an entry that cannot be read
     */
    public static function parseHosts(string $name, array $hosts): self
    {
        return new self(self::named($name, $hosts, HostRule::parse(...)), null, null);
    }

    /**
     * Reads the lists of a binding, which allow less than the same lists of a policy. Their entries are in no message.
     *
     * @param list<string>|null $hosts
     * @param list<string>|null $methods
     * @param list<string>|null $paths
     * @throws OutboundException invalid_request.malformed for an entry that cannot be read
     */
    public static function parseSealed(?array $hosts, ?array $methods, ?array $paths): self
    {
        return new self(
            $hosts === null ? null : array_map(HostRule::parseSealed(...), $hosts),
            $methods === null ? null : array_map(HeaderRules::method(...), $methods),
            $paths === null ? null : array_map(PathPattern::parseSealed(...), $paths),
        );
    }

    /** The same rules; if they have no list of hosts, with the host of this origin only, or with none. */
    public function withDefaultHost(?Origin $origin): self
    {
        $default = $origin === null ? [] : [HostRule::of($origin)];
        return new self($this->hosts ?? $default, $this->methods, $this->paths);
    }

    /** The same rules with only the host of this origin. */
    public function withHost(Origin $origin): self
    {
        return new self([HostRule::of($origin)], $this->methods, $this->paths);
    }

    /**
     * Whether this request is allowed, in the order host, port, method, path.
     *
     * @return string|null the pattern that matched
     * @throws OutboundException policy.*
     */
    public function allow(Target $target, string $method): ?string
    {
        $this->allowOrigin($target->origin);
        $this->allowMethod($method);
        return $this->allowPath($target->path);
    }

    /**
     * @throws OutboundException policy.host_not_allowed, policy.port_not_allowed; where the rules were sealed,
     *         policy.scheme_not_allowed
     */
    public function allowOrigin(Origin $origin): void
    {
        $isNamed = false;
        $isOfAnotherScheme = false;
        foreach ($this->hosts ?? [] as $rule) {
            if ($rule->allows($origin)) {
                return;
            }
            $isNamed = $isNamed || $rule->names($origin->host);
            $isOfAnotherScheme = $isOfAnotherScheme || $rule->allowsInAnyScheme($origin);
        }
        if ($isOfAnotherScheme) {
            throw self::refuse('scheme', sprintf(
                'the entry for the host is for %s; seal "%s" among the hosts to allow %s',
                $origin->scheme === Origin::HTTP ? Origin::HTTPS : Origin::HTTP,
                $origin->sealedText(),
                $origin->scheme,
            ));
        }
        if ($isNamed) {
            throw self::refuse('port', 'the host is allowed, but not on this port');
        }
        if ($this->hosts !== null) {
            throw self::refuse('host', 'the host is not among the allowed hosts');
        }
    }

    /** @throws OutboundException policy.method_not_allowed */
    public function allowMethod(string $method): void
    {
        if ($this->methods !== null && !in_array($method, $this->methods, true)) {
            throw self::refuse('method', 'the method is not among the allowed methods');
        }
    }

    /**
     * @return string|null the pattern that matched; null if there is no list of them
     * @throws OutboundException policy.path_not_allowed
     */
    public function allowPath(#[\SensitiveParameter] string $path): ?string
    {
        foreach ($this->paths ?? [] as $pattern) {
            if ($pattern->matches($path)) {
                return $pattern->text;
            }
        }
        return $this->paths === null ? null : throw self::refuse('path', 'the path matches no allowed pattern');
    }

    /**
     * An entry that cannot be read may contain anything, so a message names its index and does not repeat it.
     *
     * @template T
     * @param list<string>|null $list
     * @param \Closure(string): T $parse
     * @return list<T>|null
     * @throws OutboundException invalid_request.malformed for an entry that cannot be read
     */
    private static function named(string $name, ?array $list, \Closure $parse): ?array
    {
        if ($list === null) {
            return null;
        }
        $read = [];
        foreach ($list as $index => $entry) {
            try {
                $read[] = $parse($entry);
            } catch (OutboundException $refusal) {
                throw $refusal->about($name . '[' . $index . ']');
            }
        }
        return $read;
    }

    private static function refuse(string $what, string $message): OutboundException
    {
        return OutboundException::create("policy.{$what}_not_allowed", $message);
    }
}
