<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Policy;

/**
 * The policy of a request, read and complete; the request and every redirect have to fulfil it.
 *
 * @internal
 */
final readonly class RequestPolicy
{
    /**
     * @param string|null $basePath applies if there is no allowed_paths; null: every path is allowed
     */
    private function __construct(
        private Rules $rules,
        private bool $allowHttp,
        public bool $allowEncodedSlash,
        public Versions $versions,
        #[\SensitiveParameter] private ?string $basePath = null,
    ) {
    }

    /**
     * Reads a policy. One without a method would allow nothing, so it counts as missing.
     *
     * @param Versions $configured the versions of HTTP that the configuration allows
     * @throws OutboundException invalid_request.malformed, policy.missing
     */
    public static function read(Policy $policy, bool $ofS3 = false, Versions $configured = new Versions()): self
    {
        $rules = Rules::parse($policy->allowedHosts, $policy->allowedMethods, $policy->allowedPaths, $ofS3);
        $versions = $configured->narrowed($policy);
        if ($policy->allowedMethods === []) {
            throw OutboundException::create('policy.missing', 'the policy has no allowed_methods');
        }
        return new self($rules, $policy->allowHttp, $policy->allowEncodedSlash, $versions);
    }

    /** The same policy, with the host and port of the base URL if it names no hosts. */
    public function withDefaultHost(?Origin $base): self
    {
        return new self($this->rules->withDefaultHost($base), $this->allowHttp, $this->allowEncodedSlash, $this->versions);
    }

    /** The same policy with only this host and port. */
    public function withHost(Origin $origin): self
    {
        return new self($this->rules->withHost($origin), $this->allowHttp, $this->allowEncodedSlash, $this->versions);
    }

    public function withBasePath(#[\SensitiveParameter] ?string $basePath): self
    {
        return new self($this->rules, $this->allowHttp, $this->allowEncodedSlash, $this->versions, $basePath);
    }

    /** @throws OutboundException policy.scheme_not_allowed */
    public function checkScheme(Origin $origin, InternalHosts $internalHosts): void
    {
        if ($origin->scheme !== Origin::HTTP) {
            return;
        }
        if (!$this->allowHttp || $internalHosts->find($origin->host, $origin->port) === null) {
            throw OutboundException::create(
                'policy.scheme_not_allowed',
                'http is for internal hosts, and there only where the policy has allow_http',
            );
        }
    }

    /** @throws OutboundException policy.host_not_allowed, policy.port_not_allowed */
    public function checkHost(Origin $origin, InternalHosts $internalHosts): void
    {
        if ($this->rules->hosts === []) {
            throw OutboundException::create(
                'policy.host_not_allowed',
                'no host is allowed: give allowed_hosts or base_url',
            );
        }
        $this->rules->allowOrigin($origin);
        // The resolver knows an internal host by its name alone, so its other ports do not fall back to public ones.
        if ($internalHosts->entry($origin->host)?->hasPort($origin->port) === false) {
            throw OutboundException::create('policy.port_not_allowed', 'the internal host has another port');
        }
    }

    /** @throws OutboundException policy.method_not_allowed */
    public function checkMethod(string $method): void
    {
        HeaderRules::checkMethod($method);
        try {
            $this->rules->allowMethod($method);
        } catch (OutboundException $refusal) {
            throw Listing::refusal(
                $refusal->errorCode(),
                'the method is not in allowed_methods',
                (array) $this->rules->methods,
            );
        }
    }

    /**
     * @return string|null the pattern of allowed_paths that matched, if the policy has any
     * @throws OutboundException policy.path_not_allowed
     */
    public function checkPath(Target $target): ?string
    {
        try {
            $template = $this->rules->allowPath($target->path);
        } catch (OutboundException $refusal) {
            throw Listing::refusal(
                $refusal->errorCode(),
                'the path matches no pattern of allowed_paths',
                array_column((array) $this->rules->paths, 'text'),
            );
        }
        if ($this->rules->paths === null) {
            Destination::checkBelow($target, $this->basePath);
        }
        return $template;
    }
}
