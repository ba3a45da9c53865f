<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\ErrorCode;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;
use Netresearch\NrVault\Service\HttpMethods;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Service\SecureHttpStreamClientInterface;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * A client for tests, with the services of a registry. Everything in a call is real except the sending: options are read, the
 * policy decides, a record is written. FakeTransport describes what is refused.
 *
 *     $client = (new FakeClient($registry))
 *         ->on('my-api', 'GET', '/resources/{id}', SecureHttpResponse::createJson(['id' => 1]))
 *         ->on('my-api', 'POST', '/resources', fn () => throw FakeClient::failure('timeout.total'));
 *
 * @api
 */
final class FakeClient implements SecureHttpStreamClientInterface
{
    use HttpMethods;

    private readonly ServiceRegistry $registry;
    private readonly SecureHttpClient $client;
    private readonly FakeTransport $transport;
    private readonly MemoryAuditSink $audit;

    /**
     * @param ServiceRegistry|array<string, mixed> $services the host's registry, or entries in the form of ArrayServiceRegistry
     * @param array<string, mixed> $config the transport's configuration, of which internal_hosts and limits are used
     * @throws OutboundException configuration.invalid
     */
    public function __construct(ServiceRegistry|array $services, #[\SensitiveParameter] array $config = [])
    {
        $this->registry = is_array($services) ? new ArrayServiceRegistry($services) : $services;
        $this->transport = new FakeTransport($config);
        $this->audit = new MemoryAuditSink();
        $credentials = new FakeCredentialProvider();
        $calls = new ServiceCalls($this->registry, $credentials, $this->transport, $this->audit);
        $this->client = new SecureHttpClient($calls);
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
        return FakeTransport::failure($code, $sent, $retryable);
    }

    /**
     * Sets the responses to requests of a service with this method and path, one after the other; the last one is repeated.
     *
     * @param string $path below the base URL, with {name} for any segment and a final ** for the rest
     * @param SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse $answers one that throws is a failure
     * @throws OutboundException policy.service_unknown, policy.service_disabled
     */
    public function on(string $serviceId, string $method, string $path, SecureHttpResponse|\Closure ...$answers): self
    {
        $this->registry->get($serviceId);
        $this->transport->on($serviceId, $method, $path, ...$answers);
        return $this;
    }

    /**
     * Sets the responses to the next requests that match no on(), one for each.
     *
     * @param SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse $answers one that throws is a failure
     */
    public function queue(SecureHttpResponse|\Closure ...$answers): self
    {
        $this->transport->queue(...$answers);
        return $this;
    }

    /**
     * Sets the response to all other requests. Without it, such a request throws a \LogicException.
     *
     * @param \Closure(RequestSpec): SecureHttpResponse $answer
     */
    public function otherwise(\Closure $answer): self
    {
        $this->transport->otherwise($answer);
        return $this;
    }

    public function request(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->client->request($serviceId, $method, $path, $options);
    }

    public function stream(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): StreamedResponse {
        return $this->client->stream($serviceId, $method, $path, $options);
    }

    public function requestAll(iterable $requests, int $concurrency = 10): \Generator
    {
        return $this->client->requestAll($requests, $concurrency);
    }

    /**
     * What was sent, in order.
     *
     * @return list<RequestSpec>
     */
    public function requests(): array
    {
        return $this->transport->requests();
    }

    /**
     * The records of all calls, including refused ones.
     *
     * @return list<AuditEntry>
     */
    public function records(): array
    {
        return $this->audit->entries();
    }
}
