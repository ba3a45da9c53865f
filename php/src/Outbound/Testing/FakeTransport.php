<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\ErrorCode;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\Php\Credential\BodyKind;
use Netresearch\NrVault\Transport\Php\Engine\Call;
use Netresearch\NrVault\Transport\Php\Engine\Configuration;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\TransportInterface;
use Netresearch\NrVault\Transport\TransportSelector;

/**
 * A transport for tests: it returns the given responses and notes the requests. Give it to ServiceCalls instead of the
 * TransportFactory, or use FakeClient, which does so.
 *
 * With a configuration, even an empty one, it refuses a request as PhpTransport does before it opens an envelope, resolves a name
 * or connects: by the policy of the service, the limits of the host, and the address guard for literal addresses. Without a
 * configuration only the method is checked. Envelopes are never opened, so no request is refused because of a binding.
 *
 * Responses of on() are used first, then queued ones, then that of otherwise().
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @api
 */
final class FakeTransport implements ExchangesInterface, TransportSelector
{
    private readonly ?PolicyDecision $decision;
    private readonly InternalHosts $internalHosts;

    /** @var list<FakeRoute> */
    private array $routes = [];

    /** @var list<\Closure(RequestSpec): ResponseSpec> */
    private array $queue = [];

    /** @var \Closure(RequestSpec): SecureHttpResponse|null */
    private ?\Closure $otherwise = null;

    private ?OutboundException $refusal = null;

    /** @var list<RequestSpec> */
    private array $requests = [];

    /** @var list<string> */
    private array $selected = [];

    /**
     * @param array<string, mixed>|null $config the transport's configuration, of which internal_hosts and limits are used
     * @throws OutboundException configuration.invalid
     */
    public function __construct(#[\SensitiveParameter] ?array $config = null)
    {
        $this->decision = $config === null ? null : Configuration::decision($config);
        $this->internalHosts = InternalHosts::read($config['internal_hosts'] ?? []);
    }

    /**
     * A failure for a closure to throw.
     *
     * @param ErrorCode|string $code such as "timeout.total"; one that a call can end with
     * @param string $sent "no", "maybe" or "yes"
     * @throws \InvalidArgumentException for an unknown code
     */
    public static function failure(
        ErrorCode|string $code,
        string $sent = 'maybe',
        bool $retryable = false,
    ): OutboundException {
        $known = is_string($code) ? ErrorCode::tryFrom($code) : $code;
        if ($known === null || $known === ErrorCode::InternalInterrupted) {
            throw new \InvalidArgumentException(
                'there is no error code ' . (is_string($code) ? $code : $code->value) . ' for callers: ErrorCode has those that '
                    . 'there are',
            );
        }
        if (!in_array($sent, ['no', 'maybe', 'yes'], true)) {
            throw new \InvalidArgumentException('a request is sent "no", "maybe" or "yes", and not ' . $sent);
        }
        return OutboundException::create($known->value, 'made by a test', $retryable, $sent);
    }

    /**
     * Sets the responses to requests of a service with this method and path, one after the other; the last one is repeated.
     *
     * @param string $path below the base URL, with {name} for any segment and a final ** for the rest
     * @param SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse $answers one that throws is a failure
     * @throws \InvalidArgumentException
     */
    public function on(string $serviceId, string $method, string $path, SecureHttpResponse|\Closure ...$answers): self
    {
        $this->routes[] = new FakeRoute($serviceId, $method, $path, array_values($answers));
        return $this;
    }

    /**
     * Sets the responses to the next requests that match no on(), one for each.
     *
     * @param SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse $answers one that throws is a failure
     */
    public function queue(SecureHttpResponse|\Closure ...$answers): self
    {
        foreach ($answers as $answer) {
            $this->queue[] = static fn (#[\SensitiveParameter] RequestSpec $request): ResponseSpec
                => self::answer($answer, $request);
        }
        return $this;
    }

    /**
     * Sets the response to all other requests.
     *
     * @param \Closure(RequestSpec): SecureHttpResponse $answer
     */
    public function otherwise(\Closure $answer): self
    {
        $this->otherwise = $answer;
        return $this;
    }

    /**
     * Queues a response.
     *
     * @param list<array{string, string}> $headers lower-case names and values
     */
    public function respond(int $status = 200, string $body = '', array $headers = []): self
    {
        $this->queue[] = static fn (#[\SensitiveParameter] RequestSpec $request): ResponseSpec => new ResponseSpec(
            $status,
            '2',
            $headers,
            $body,
            self::audit($request, $status, strlen($body)),
        );
        return $this;
    }

    /**
     * Queues a response with a JSON body.
     *
     * @param array<mixed> $value
     */
    public function respondJson(array $value, int $status = 200): self
    {
        $body = json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        return $this->respond($status, $body, [['content-type', 'application/json']]);
    }

    /**
     * Queues a failure of the transfer.
     *
     * @param ErrorCode|string $code such as "timeout.total"
     * @param string $sent "no", "maybe" or "yes"
     * @throws \InvalidArgumentException for an unknown code
     */
    public function fail(ErrorCode|string $code, string $sent = 'maybe', bool $retryable = false): self
    {
        $code = self::failure($code, $sent)->errorCode();
        $this->queue[] = static fn (#[\SensitiveParameter] RequestSpec $request): never =>
            throw OutboundException::create(
                $code,
                'queued by a test',
                $retryable,
                $sent,
                auditRecord: array_replace(
                    self::audit($request, null, 0),
                    ['error_class' => (string) strstr($code . '.', '.', true), 'error_code' => $code, 'sent' => $sent],
                ),
            );
        return $this;
    }

    /**
     * Refuses the next request before its credentials are fetched.
     *
     * @throws \InvalidArgumentException for an unknown code
     */
    public function refuse(ErrorCode|string $code): self
    {
        $this->refusal = self::failure($code, 'no');
        return $this;
    }

    /**
     * The requests that were sent, with the envelopes of the provider.
     *
     * @return list<RequestSpec>
     */
    public function requests(): array
    {
        return $this->requests;
    }

    /**
     * The transports that were requested.
     *
     * @return list<string>
     */
    public function selected(): array
    {
        return $this->selected;
    }

    public function select(string $transport): TransportInterface
    {
        $this->selected[] = $transport;
        return $this;
    }

    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references = [],
        ?int $bodyLength = null,
    ): Decision {
        $refusal = $this->refusal;
        $this->refusal = null;
        if ($refusal !== null) {
            throw $refusal;
        }
        $admitted = $this->decision?->decide($request, $references, $bodyLength);
        if ($admitted !== null) {
            return Call::decision($admitted);
        }
        if (!in_array($request->method, $request->policy === null ? [] : $request->policy->allowedMethods, true)) {
            throw OutboundException::create('policy.method_not_allowed', 'the policy does not allow the method');
        }
        $joined = rtrim((string) $request->baseUrl, '/') . '/' . ltrim($request->path, '/');
        $origin = PolicyDecision::origin($request);
        return new Decision($request->method, $request->url ?? $joined, null, $origin?->host->text, $origin?->port);
    }

    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec {
        $admitted = $this->decision?->decide($request, $request->references());
        if ($admitted !== null) {
            BodyKind::check($request->references(), $admitted->headers, $request->body);
            $this->internalHosts->judgeHost($admitted->target->origin->host);
        }
        $this->requests[] = $request;
        foreach ($this->routes as $route) {
            if ($route->matches($request)) {
                return self::answer($route->next(), $request);
            }
        }
        $queued = array_shift($this->queue);
        if ($queued !== null) {
            return $queued($request);
        }
        return self::answer($this->otherwise ?? throw new \LogicException(
            "the test has no response for {$request->method} {$request->path} of {$request->serviceId}",
        ), $request);
    }

    public function start(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface {
        $bytes = '';
        while ($body !== null && ($piece = $body->read(1 << 16)) !== '') {
            $bytes .= $piece;
        }
        return new FakeExchange($this->send($body === null ? $request : $request->withBody($bytes), $decided));
    }

    public function wait(array $exchanges, int $milliseconds): array
    {
        return $exchanges;
    }

    /**
     * @param SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse $answer
     */
    private static function answer(
        #[\SensitiveParameter] SecureHttpResponse|\Closure $answer,
        #[\SensitiveParameter] RequestSpec $request,
    ): ResponseSpec {
        $response = $answer instanceof \Closure ? $answer($request) : $answer;
        $headers = [];
        foreach ($response->headers() as $name => $values) {
            foreach ($values as $value) {
                $headers[] = [(string) $name, $value];
            }
        }
        $body = $response->body();
        $audit = self::audit($request, $response->statusCode(), strlen($body));
        return new ResponseSpec($response->statusCode(), '2', $headers, $body, $audit);
    }

    /**
     * @return AuditRecord
     */
    private static function audit(#[\SensitiveParameter] RequestSpec $request, ?int $status, int $bytesIn): array
    {
        return AuditShape::of([
            'service_id' => $request->serviceId,
            'correlation_id' => $request->correlationId,
            'method' => $request->method,
            'status' => $status,
            'sent' => $status === null ? null : 'yes',
            'duration_us' => 0,
            'bytes_out' => strlen($request->body),
            'bytes_in' => $bytesIn,
            'attempts' => 1,
            'attempt_errors' => [],
            'token_requests' => 0,
            'credentials' => array_column($request->references(), 'identifier'),
            'transport' => 'fake',
        ]);
    }
}
