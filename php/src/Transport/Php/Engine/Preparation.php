<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\BodyKind;
use Netresearch\NrVault\Transport\Php\Credential\Credential;
use Netresearch\NrVault\Transport\Php\Credential\CredentialInjector;
use Netresearch\NrVault\Transport\Php\Credential\RequestDraft;
use Netresearch\NrVault\Transport\Php\Credential\RequestChanges;
use Netresearch\NrVault\Transport\Php\Net\BodyReader;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\Outgoing;
use Netresearch\NrVault\Transport\Php\Net\TimeLimits;
use Netresearch\NrVault\Transport\Php\Net\Upload;
use Netresearch\NrVault\Transport\Php\Policy\Admitted;
use Netresearch\NrVault\Transport\Php\Policy\Alternatives;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Turns a request into one that may be sent, with checks in the order of errors in docs/wire.md.
 *
 * @internal
 */
final readonly class Preparation
{
    /** For which nothing may come of a stream that has no limit of its whole time. */
    private const IDLE_MS = 60_000;

    public function __construct(private Settings $settings)
    {
    }

    /**
     * Decides on the request, opens its credentials and places them. The caller has to wipe the result.
     *
     * @throws OutboundException
     */
    public function prepare(
        #[\SensitiveParameter] RequestSpec $request,
        Recorder $recorder,
        Reading $reading,
    ): Prepared {
        $source = $reading->source;
        $references = $request->references();
        $admitted = $this->decide($request, $references, $recorder, $source?->length());
        $this->note($admitted, $recorder);
        if ($source === null) {
            BodyKind::check($references, $admitted->headers, $request->body);
        } else {
            BodyKind::checkSource($references);
        }

        $opened = $this->settings->credentials->open($request->credentials);
        $chosen = $admitted->chosenBy(static fn (string $suffix): bool => $opened[0]->endsWith($suffix));
        if ($chosen !== $admitted) {
            $admitted = $chosen;
            $recorder->origin($admitted->target->origin);
            $this->note($admitted, $recorder);
        }
        $bindings = $this->bindings($references, $opened, $admitted);
        $keyHeader = $request->idempotencyKey === null ? null : $admitted->idempotencyHeader;
        $draft = new RequestDraft($admitted->headers, $admitted->target->query, $request->body, $keyHeader);
        $changes = CredentialInjector::inject($opened, $draft);

        $policy = $request->policy;
        $responseBytes = $policy?->responseBytes === null
            ? new ByteLimit($this->settings->responseBytes, 'defaults.response_bytes')
            : new ByteLimit($policy->responseBytes, 'policy.response_bytes');
        return new Prepared(
            $admitted,
            $bindings,
            $changes,
            new Outgoing(
                $admitted->method,
                $admitted->target,
                $changes->query,
                $this->headers($request, $admitted, $changes),
                $source === null ? $changes->body ?? $request->body : $this->upload($request, $source),
                $admitted->policy->versions->http2,
            ),
            self::callersHeaders($request, $admitted),
            $request->credentials !== [],
            $request->isRepeatable(),
            (int) $policy?->maxRedirects,
            (int) $policy?->maxAttempts,
            $responseBytes->least(new ByteLimit($this->settings->maxResponseBytes, 'limits.response_bytes')),
            $this->timeLimits($request, $recorder->begun, $reading),
        );
    }

    private function upload(#[\SensitiveParameter] RequestSpec $request, BodySource $source): Upload
    {
        return new Upload($source, $this->settings->decision->requestLimit($request->policy));
    }

    private function timeLimits(#[\SensitiveParameter] RequestSpec $request, int $begun, Reading $reading): TimeLimits
    {
        $times = array_filter([$request->timeoutMs, $request->policy?->timeoutMs], is_int(...));
        $most = $this->settings->maxTimeoutMs;
        $first = Deadline::in(min($times === [] ? $this->settings->timeoutMs : min($times), $most), $begun);
        $idle = array_filter([$request->idleTimeoutMs, $request->policy?->idleTimeoutMs], is_int(...));
        if ($idle === [] && $times === [] && !$reading->isCollected) {
            $idle = [self::IDLE_MS];
        }
        if ($this->settings->maxIdleTimeoutMs !== null) {
            $idle[] = $this->settings->maxIdleTimeoutMs;
        }
        $total = $reading->isCollected ? $first : Deadline::in(min([...$times, $most]), $begun);
        return new TimeLimits($first, $total, $idle === [] ? null : min($idle), $request->connectTimeoutMs);
    }

    private function note(Admitted $admitted, Recorder $recorder): void
    {
        $proxy = $this->settings->proxy;
        $isProxied = $proxy?->serves($admitted->target->origin) === true;
        $recorder->admitted($admitted->pathTemplate, $isProxied ? $proxy->resolve : null);
    }

    /**
     * Decides as far as possible without opening, resolving and connecting. The record of a refused request still has its target.
     *
     * @param list<CredentialReference> $references
     * @throws OutboundException
     */
    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
        Recorder $recorder,
        ?int $bodyLength = null,
    ): Admitted {
        $recorder->request($request, $references);
        try {
            $admitted = $this->settings->decision->decide($request, $references, $bodyLength);
        } catch (OutboundException $refusal) {
            $recorder->origin(PolicyDecision::origin($request));
            throw $refusal;
        }
        $recorder->origin($admitted->target->origin);
        // As in the configuration: libcurl reports the version only with the response.
        return $admitted->policy->versions->http1 ? $admitted : throw OutboundException::create(
            'configuration.transport_unavailable',
            'http_versions of the policy without 1.1 needs the library: the transport in PHP cannot insist on HTTP/2',
        );
    }

    /**
     * @param list<CredentialReference> $references
     * @param list<Credential> $opened the same, in their order
     * @return list<array{string, BindingRules}>
     */
    private function bindings(
        array $references,
        #[\SensitiveParameter] array $opened,
        Admitted $admitted,
    ): array {
        $now = new \DateTimeImmutable();
        $allow = static function (string $identifier, BindingRules $rules) use ($admitted, $now): void {
            $rules->check($identifier, $admitted->target, $admitted->method, $now);
        };
        return $this->judge($references, $opened, $allow);
    }

    /**
     * Opens a request's credentials and checks them as far as possible without its path: key, type, binding, expiry. They are
     * wiped when this returns.
     *
     * @throws OutboundException
     */
    public function check(#[\SensitiveParameter] RequestSpec $request): void
    {
        $references = $request->references();
        [$origin, $method, $others] = $this->settings->decision->decideOrigin($request, $references);
        $now = new \DateTimeImmutable();
        $opened = $this->settings->credentials->open($request->credentials);
        $origin = Alternatives::chosen($others, static fn (string $suffix): bool => $opened[0]->endsWith($suffix), $origin);
        $this->judge(
            $references,
            $opened,
            static fn (string $identifier, BindingRules $rules) => $rules->checkService($identifier, $origin, $method, $now),
        );
        foreach ($opened as $credential) {
            $credential->wipe();
        }
    }

    /**
     * Checks open credentials against their bindings; if one refuses, all are wiped.
     *
     * @param list<CredentialReference> $references
     * @param list<Credential> $opened the same, in their order
     * @param \Closure(string, BindingRules): void $allow
     * @return list<array{string, BindingRules}>
     */
    private function judge(
        array $references,
        #[\SensitiveParameter] array $opened,
        \Closure $allow,
    ): array {
        $bindings = [];
        try {
            foreach ($opened as $index => $credential) {
                $identifier = $references[$index]->identifier;
                if ($this->settings->requireBinding && $credential->binding?->hasHosts() !== true) {
                    throw OutboundException::create(
                        'policy.binding_violated',
                        'the credential "' . $identifier . '" has no hosts in its binding, and limits.require_binding '
                            . 'demands them: seal it again with binding.hosts',
                    );
                }
                if ($credential->binding !== null) {
                    $allow($identifier, $credential->binding);
                    $bindings[] = [$identifier, $credential->binding];
                }
            }
        } catch (OutboundException $refusal) {
            foreach ($opened as $credential) {
                $credential->wipe();
            }
            throw $refusal;
        }
        return $bindings;
    }

    /**
     * @return list<array{string, string}>
     */
    private static function callersHeaders(#[\SensitiveParameter] RequestSpec $request, Admitted $admitted): array
    {
        $key = $request->idempotencyKey;
        return $key === null ? $admitted->headers : [...$admitted->headers, [$admitted->idempotencyHeader, $key]];
    }

    /**
     * @return list<array{string, string|Secret}>
     */
    private function headers(#[\SensitiveParameter] RequestSpec $request, Admitted $admitted, RequestChanges $changes): array
    {
        $headers = [...$admitted->headers, ...$changes->headers];
        if ($request->idempotencyKey !== null) {
            $headers[] = [$admitted->idempotencyHeader, $request->idempotencyKey];
        }
        if (!in_array('user-agent', array_column($headers, 0), true)) {
            $headers[] = ['user-agent', $this->settings->userAgent];
        }
        $headers[] = ['accept-encoding', BodyReader::acceptEncoding()];
        return $headers;
    }
}
