<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Decides whether a request is allowed, as the library does. Nothing is opened, resolved or sent. Addresses are checked by
 * InternalHosts, first for the host, and again for all addresses that it resolves to.
 *
 * @internal
 */
final readonly class PolicyDecision
{
    /**
     * @param int $requestBytes the configured maximum of a request's body
     * @param Rules|null $hostLimit the configured limit of all hosts, if there is one
     * @param Versions $versions the configured versions of HTTP
     */
    public function __construct(
        private InternalHosts $internalHosts,
        private int $requestBytes,
        private ?Rules $hostLimit = null,
        private Versions $versions = new Versions(),
    ) {
    }

    /**
     * Decides on a request. The first error counts, in this order: malformed, policy missing, scheme, host, port, method, path
     * not canonical, path, header, request size.
     *
     * @param list<CredentialReference> $references
     * @param int|null $bodyLength of the body, if it is not read yet
     * @throws OutboundException
     */
    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
        ?int $bodyLength = null,
    ): Admitted {
        [$wanted, $method, $policy, $headers, $idempotencyHeader, $taken] = $this->approach($request, $references);
        $fillsCredentials = $request->idempotencyKey !== null && in_array($idempotencyHeader, $taken, true);
        [$target, $basePath] = $wanted->canonical($policy->allowEncodedSlash);
        Destination::checkBelow($target, $basePath);
        $own = $policy->withBasePath($basePath);
        $template = $own->checkPath($target);
        $others = $this->alternatives($request, $policy, $target, (string) $basePath);

        if ($request->idempotencyKey !== null) {
            $taken[] = $idempotencyHeader;
        }
        HeaderRules::check($headers, $taken);
        if ($fillsCredentials) {
            throw HeaderRules::filledWithKey($idempotencyHeader);
        }
        if (DeclaredCredentials::signForAws($references) && Spelling::hasAmzParameter((string) $target->query)) {
            throw OutboundException::create(
                'credential.placement_conflict',
                'the query has a parameter X-Amz-…, which the signature of a credential fills',
            );
        }
        $limit = $this->requestLimit($request->policy);
        if (($bodyLength ?? strlen($request->body)) > $limit->bytes) {
            throw OutboundException::create('policy.request_too_large', $limit->exceededBy('the body'));
        }
        $alternatives = [];
        foreach ($others as [$suffix, [$otherTarget, $otherTemplate, $other]]) {
            $alternatives[] = [
                $suffix,
                new Admitted($method, $otherTarget, $otherTemplate, $headers, $idempotencyHeader, $other),
            ];
        }
        return new Admitted($method, $target, $template, $headers, $idempotencyHeader, $own, $alternatives);
    }

    /** The limit of a request's body. */
    public function requestLimit(?Policy $policy): ByteLimit
    {
        $byPolicy = new ByteLimit($policy->requestBytes ?? PHP_INT_MAX, 'policy.request_bytes');
        return $byPolicy->least(new ByteLimit($this->requestBytes, 'limits.request_bytes'));
    }

    /**
     * The same path and query are appended to each alternative.
     *
     * @param RequestPolicy $policy without a base path
     * @return list<array{string, array{Target, string|null, RequestPolicy}}>
     */
    private function alternatives(
        #[\SensitiveParameter] RequestSpec $request,
        RequestPolicy $policy,
        #[\SensitiveParameter] Target $target,
        #[\SensitiveParameter] string $basePath,
    ): array {
        $rest = substr($target->path, strlen($basePath));
        return Alternatives::judge($request->alternatives, function (Url $url) use ($request, $policy, $target, $rest): array {
            $policy = $this->approachAlternative($request, $policy, $url);
            $base = $url->canonicalPath($policy->allowEncodedSlash);
            $policy = $policy->withBasePath($base);
            $target = new Target($url->origin(), $rest === '' ? $base : Spelling::join($base, $rest), $target->query);
            return [$target, $policy->checkPath($target), $policy];
        });
    }

    private function approachAlternative(#[\SensitiveParameter] RequestSpec $request, RequestPolicy $policy, Url $url): RequestPolicy
    {
        $origin = $url->origin();
        $policy = $request->policy?->allowedHosts === null ? $policy->withHost($origin) : $policy;
        $policy->checkScheme($origin, $this->internalHosts);
        $this->checkHostLimit($origin);
        $policy->checkHost($origin, $this->internalHosts);
        return $policy;
    }

    /**
     * Decides on the origin and the method of a request, whatever its path: for checks of a service without a call.
     *
     * @param list<CredentialReference> $references
     * @return array{Origin, string, list<array{string, Origin}>} origin, method, and the origins by the suffixes of a secret
     * @throws OutboundException
     */
    public function decideOrigin(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
    ): array {
        [$wanted, $method, $policy] = $this->approach($request, $references);
        $others = Alternatives::judge($request->alternatives, function (Url $url) use ($request, $policy): Origin {
            $this->approachAlternative($request, $policy, $url);
            return $url->origin();
        });
        return [$wanted->origin(), $method, $others];
    }

    /**
     * The checks that come before those of the path.
     *
     * @param list<CredentialReference> $references
     * @return array{Destination, string, RequestPolicy, list<array{string, string}>, string, list<string>} the last three are
     *         headers, the name of the idempotency header, and the headers that credentials fill
     * @throws OutboundException
     */
    private function approach(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
    ): array {
        RequestForm::check($request, $references);
        DeclaredCredentials::check($references);
        $ofS3 = CredentialReference::haveS3($references);
        $wanted = Destination::read($request->baseUrl, $request->url, $request->path, $request->query, $ofS3);
        Alternatives::checkForm($request->alternatives);
        $method = HeaderRules::method($request->method);
        $headers = HeaderRules::read($request->headers);
        $idempotencyHeader = HeaderRules::idempotency($request->idempotencyHeader);
        $taken = DeclaredCredentials::filledHeaders($references);
        if ($request->idempotencyKey === null || !in_array($idempotencyHeader, $taken, true)) {
            HeaderRules::checkIdempotency($idempotencyHeader);
        }
        if ($request->policy === null) {
            throw OutboundException::create('policy.missing', 'the request has no policy');
        }
        $policy = RequestPolicy::read($request->policy, $ofS3, $this->versions);

        $origin = $wanted->origin();
        $policy = $policy->withDefaultHost($wanted->baseOrigin());
        $policy->checkScheme($origin, $this->internalHosts);
        $wanted->checkOrigin();
        $this->checkHostLimit($origin);
        $policy->checkHost($origin, $this->internalHosts);
        $policy->checkMethod($method);
        return [$wanted, $method, $policy, $headers, $idempotencyHeader, $taken];
    }

    /**
     * Checks the target of a Location as if it were a separate request.
     *
     * @param string $method of the next request
     * @param bool $hasCredential whether the request carries one; such a request stays on its origin
     * @throws OutboundException policy.redirect_not_allowed, whatever the rule
     */
    public function redirect(
        #[\SensitiveParameter] Admitted $from,
        #[\SensitiveParameter] string $location,
        string $method,
        bool $hasCredential,
    ): Admitted {
        try {
            return $this->judgeHop($from, $location, $method, $hasCredential);
        } catch (OutboundException $refusal) {
            throw OutboundException::create(
                'policy.redirect_not_allowed',
                'the redirect is refused: ' . $refusal->reason(),
            );
        }
    }

    /**
     * The origin of a request, whether it is allowed or not, for the record of a refusal.
     */
    public static function origin(#[\SensitiveParameter] RequestSpec $request): ?Origin
    {
        try {
            return Destination::read($request->baseUrl, $request->url)->origin();
        } catch (OutboundException) {
            return null;
        }
    }

    private function judgeHop(
        #[\SensitiveParameter] Admitted $from,
        #[\SensitiveParameter] string $location,
        string $method,
        bool $hasCredential,
    ): Admitted {
        $policy = $from->policy;
        $target = Canonicalizer::follow($from->target, $location, $policy->allowEncodedSlash);
        [$old, $new] = [$from->target->origin, $target->origin];
        if ($old->scheme === Origin::HTTPS && $new->scheme === Origin::HTTP) {
            throw OutboundException::create('policy.scheme_not_allowed', 'it leads from https to http');
        }
        if ($hasCredential && !$old->equals($new)) {
            throw OutboundException::create(
                'policy.host_not_allowed',
                'a request with a credential may not go to another origin',
            );
        }
        $policy->checkScheme($new, $this->internalHosts);
        $this->checkHostLimit($new);
        $policy->checkHost($new, $this->internalHosts);
        $policy->checkMethod($method);
        $template = $policy->checkPath($target);
        return new Admitted($method, $target, $template, $from->headers, $from->idempotencyHeader, $policy);
    }

    private function checkHostLimit(Origin $origin): void
    {
        try {
            $this->hostLimit?->allowOrigin($origin);
        } catch (OutboundException) {
            throw OutboundException::create(
                'policy.host_not_allowed',
                'limits.hosts of the configuration does not name the host with this port',
            );
        }
    }
}
