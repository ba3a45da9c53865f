<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\DecidingTransport;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\TransportSelector;

/**
 * A transport for tests: it answers what was queued and records what it was asked to send. Give it to ServiceCalls in
 * place of the TransportFactory.
 *
 * Of a policy it judges the method only. Hosts, paths and sizes are the library's to judge; a refusal of theirs is
 * queued by refuse().
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @api
 */
final class FakeTransport implements DecidingTransport, TransportSelector
{
    /** @var list<\Closure(RequestSpec): ResponseSpec> */
    private array $answers = [];

    private ?OutboundException $refusal = null;

    /** @var list<RequestSpec> */
    private array $requests = [];

    /** @var list<string> */
    private array $selected = [];

    /**
     * Queues a response.
     *
     * @param list<array{string, string}> $headers lower-case names and values
     */
    public function respond(int $status = 200, string $body = '', array $headers = []): self
    {
        $this->answers[] = static fn (#[\SensitiveParameter] RequestSpec $request): ResponseSpec => new ResponseSpec(
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
     * @param string $code such as "timeout.total"
     * @param string $sent "no", "maybe" or "yes"
     */
    public function fail(string $code, string $sent = 'maybe', bool $retryable = false): self
    {
        $this->answers[] = static fn (#[\SensitiveParameter] RequestSpec $request): never =>
            throw OutboundException::create($code, 'Queued by a test.', $retryable, $sent, null, array_replace(
                self::audit($request, null, 0),
                ['error_class' => strstr($code . '.', '.', true), 'error_code' => $code],
            ));
        return $this;
    }

    /** Refuses the next request before its credentials are asked for. */
    public function refuse(string $code): self
    {
        $this->refusal = OutboundException::create($code, 'Queued by a test.');
        return $this;
    }

    /**
     * What was sent, with credentials whose envelopes are the provider's.
     *
     * @return list<RequestSpec>
     */
    public function requests(): array
    {
        return $this->requests;
    }

    /**
     * The transports that were asked for.
     *
     * @return list<string>
     */
    public function selected(): array
    {
        return $this->selected;
    }

    public function select(string $transport): DecidingTransport
    {
        $this->selected[] = $transport;
        return $this;
    }

    public function decide(#[\SensitiveParameter] RequestSpec $request, array $references = []): Decision
    {
        $refusal = $this->refusal;
        $this->refusal = null;
        if ($refusal !== null) {
            throw $refusal;
        }
        if (!in_array($request->method, $request->policy?->allowedMethods ?? [], true)) {
            throw OutboundException::create('policy.method_not_allowed', 'The policy does not allow the method.');
        }
        $joined = rtrim((string) $request->baseUrl, '/') . '/' . ltrim($request->path, '/');
        return new Decision($request->method, $request->url ?? $joined);
    }

    public function send(#[\SensitiveParameter] RequestSpec $request): ResponseSpec
    {
        $this->requests[] = $request;
        $answer = array_shift($this->answers) ?? throw OutboundException::create(
            'internal.part_failed',
            'FakeTransport has no answer left: queue one for each request.',
        );
        return $answer($request);
    }

    /**
     * @return AuditRecord
     */
    private static function audit(#[\SensitiveParameter] RequestSpec $request, ?int $status, int $bytesIn): array
    {
        return array_replace(array_fill_keys(AuditEntry::RECORD, null), [
            'service_id' => $request->serviceId,
            'correlation_id' => $request->correlationId,
            'timestamp' => gmdate('Y-m-d\TH:i:s.000\Z'),
            'method' => $request->method,
            'status' => $status,
            'duration_us' => 0,
            'bytes_out' => strlen($request->body),
            'bytes_in' => $bytesIn,
            'attempts' => 1,
            'attempt_errors' => [],
            'token_requests' => 0,
            'credentials' => array_column($request->credentials, 'identifier'),
            'transport' => 'fake',
        ]);
    }
}
