<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Diff;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Php\Policy\HostRule;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Php\Policy\PathPattern;
use Netresearch\NrVault\Transport\Php\Policy\RequestPolicy;
use Netresearch\NrVault\Transport\Php\Policy\Target;

/**
 * Which hosts and paths calls of a service can reach. RequestPolicy decides, as for every call.
 *
 * @internal
 */
final readonly class Reach
{
    /** A host label and a path segment that no registry is expected to contain. */
    private const ANY = 'c9d1f0a7e6b84d25';

    private function __construct(
        private ServiceDefinition $service,
        private RequestPolicy $policy,
        public Origin $origin,
        private string $basePath,
    ) {
    }

    /**
     * @return self|null null if every call would be refused, by the policy or because of the base URL
     */
    public static function of(ServiceDefinition $service): ?self
    {
        try {
            $ofS3 = CredentialReference::haveS3($service->credentials);
            $wanted = Destination::read($service->baseUrl, null, ofS3: $ofS3);
            $origin = $wanted->origin();
            $policy = RequestPolicy::read($service->policy, $ofS3)->withDefaultHost($origin);
            [$target, $basePath] = $wanted->canonical($service->policy->allowEncodedSlash);
            $self = new self($service, $policy->withBasePath($basePath), $origin, $target->path);
        } catch (OutboundException) {
            return null;
        }
        $isPlain = $origin->scheme === Origin::HTTP && !$service->policy->allowHttp;
        return !$isPlain && $self->allowsOrigin($origin) ? $self : null;
    }

    public function allowsMethod(string $method): bool
    {
        return self::passes(fn () => $this->policy->checkMethod($method));
    }

    /**
     * The entries of its hosts that allow more than those of the other. Plain HTTP is compared if both allow it.
     *
     * @return list<string>
     */
    public function hostsBeyond(?self $other): array
    {
        $plain = $this->service->policy->allowHttp && $other?->service->policy->allowHttp === true;
        $schemes = $plain ? [Origin::HTTPS, Origin::HTTP] : [Origin::HTTPS];
        $beyond = [];
        foreach ($this->service->policy->allowedHosts ?? [] as $text) {
            foreach ($schemes as $scheme) {
                if ($other?->allowsOrigin(HostRule::parse($text)->example($scheme, self::ANY)) !== true) {
                    $beyond[] = $text;
                    break;
                }
            }
        }
        return $beyond;
    }

    /**
     * The patterns that allow more than those of the other, in calls or in redirects.
     *
     * @return list<string>
     */
    public function pathsBeyond(?self $other): array
    {
        $depth = max($this->depth(), $other?->depth() ?? 0) + 1;
        $base = $this->basePath === '/' ? [] : explode('/', trim($this->basePath, '/'));
        $beyond = [];
        foreach ($this->service->policy->allowedPaths ?? [null] as $text) {
            $pattern = $text === null ? null : PathPattern::parse($text, CredentialReference::haveS3($this->service->credentials));
            $calls = $pattern?->examples($base, self::ANY, $depth) ?? $this->belowBase($depth);
            $redirects = match (true) {
                $this->service->policy->maxRedirects === 0 => [],
                $pattern === null => $calls,
                default => $pattern->examples([], self::ANY, $depth),
            };
            $isMore = array_filter($calls, fn (string $path): bool => $this->calls($path) && $other?->calls($path) !== true) !== []
                || array_filter($redirects, static fn (string $path): bool => $other?->matches($path) !== true) !== [];
            if ($isMore) {
                $beyond[] = $text ?? rtrim($this->basePath, '/') . '/**';
            }
        }
        return $beyond;
    }

    private function allowsOrigin(Origin $origin): bool
    {
        return self::passes(fn () => $this->policy->checkHost($origin, InternalHosts::read([])));
    }

    private function calls(string $path): bool
    {
        return $this->matches($path)
            && self::passes(fn () => Destination::checkBelow($this->target($path), $this->basePath));
    }

    private function matches(string $path): bool
    {
        return self::passes(fn () => $this->policy->checkPath($this->target($path)));
    }

    private function target(string $path): Target
    {
        return new Target($this->origin, $path, null);
    }

    /**
     * @return list<string>
     */
    private function belowBase(int $depth): array
    {
        return [$this->basePath, ...PathPattern::below(rtrim($this->basePath, '/'), self::ANY, $depth)];
    }

    /** The number of segments of its longest pattern, or of its base path. */
    private function depth(): int
    {
        $paths = [$this->basePath, ...($this->service->policy->allowedPaths ?? [])];
        return max(array_map(static fn (string $path): int => substr_count($path, '/'), $paths));
    }

    private static function passes(\Closure $check): bool
    {
        try {
            $check();
            return true;
        } catch (OutboundException) {
            return false;
        }
    }
}
