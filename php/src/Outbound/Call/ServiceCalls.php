<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Credential\TechnicalUserCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\RemoteDecision;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\Text\Uuid7;
use Netresearch\NrVault\Transport\TransportSelector;
use Psr\EventDispatcher\EventDispatcherInterface;
use Psr\Log\LoggerInterface;

/**
 * What the clients have in common: it makes a call by the id of a service, with one audit record. A host creates one object and
 * gives it to SecureHttpClient and to Psr18\OutboundClientFactory.
 *
 * The order is: registry, form of the call, decision of the transport, intent in audit mode "required", envelopes, transfer,
 * record, event. So for a call that its policy refuses, no secret is read and no counter changes. A transport that decides in another
 * process decides when it sends, where nothing comes between the two.
 *
 * @api
 */
final readonly class ServiceCalls
{
    private Auditor $auditor;
    private Settlement $settlement;

    /**
     * @param LoggerInterface|null $logger gets messages about audit sinks and listeners that fail; null: PHP's error log
     */
    public function __construct(
        private ServiceRegistry $registry,
        private CredentialProvider $credentials,
        private TransportSelector $transports,
        AuditSink $audit,
        private ?CallContext $context = null,
        ?EventDispatcherInterface $events = null,
        ?LoggerInterface $logger = null,
    ) {
        $this->auditor = new Auditor($audit, $events, $logger);
        $this->settlement = new Settlement($this->auditor);
    }

    /**
     * @internal for the clients that find a service by a URL
     * @throws OutboundException policy.service_unknown, policy.service_disabled, policy.service_not_enabled
     */
    public function service(string $id): ServiceDefinition
    {
        return $this->registry->get($id);
    }

    /**
     * @internal for the clients
     * @param array<mixed> $options as SecureHttpClientInterface has them
     * @param string|null $url absolute, in place of path and query
     * @param list<array{string, string}>|null $sdkHeaders the fields that an SDK has set, in place of the option headers; an SDK
     *        knows neither service nor connection
     * @throws OutboundException
     * @throws \Throwable what a signal handler throws while the transport sends, after the call's record
     */
    public function call(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] ?string $url = null,
        #[\SensitiveParameter] ?array $sdkHeaders = null,
    ): CallEnd {
        $call = $this->prepare(null, false, $serviceId, $method, $path, $options, $url, $sdkHeaders);
        try {
            $response = $call->send();
            $entry = $this->settlement->ended($call->number, $call->record, $response->status, $response->record());
            return new CallEnd($response, $entry);
        } catch (\Throwable $failure) {
            throw $this->failed($call->number, $call->record, $failure);
        }
    }

    /**
     * Whether the transport of a service can have several calls at once.
     *
     * @internal for the clients
     */
    public function hasExchanges(string $serviceId): bool
    {
        try {
            return $this->transports->select($this->registry->get($serviceId)->transport) instanceof ExchangesInterface;
        } catch (OutboundException) {
            return false;
        }
    }

    /**
     * Begins a call whose response is read in pieces.
     *
     * @internal for the clients
     * @param array<mixed> $options as SecureHttpStreamClientInterface has them
     * @param string|null $url absolute, in place of path and query
     * @param list<array{string, string}>|null $sdkHeaders as for call()
     * @param bool $isCollected whether the head comes with the whole body, in the times of call()
     * @throws OutboundException
     * @throws \Throwable as call()
     */
    public function stream(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] ?string $url = null,
        #[\SensitiveParameter] ?array $sdkHeaders = null,
        bool $isCollected = false,
    ): StreamedCall {
        $call = $this->prepare(null, true, $serviceId, $method, $path, $options, $url, $sdkHeaders);
        [$number, $record, $settlement] = [$call->number, $call->record, $this->settlement];
        try {
            $exchange = $call->begin($isCollected);
        } catch (\Throwable $failure) {
            throw $this->failed($number, $record, $failure);
        }
        $streamed = new StreamedCall(
            $call->exchanges(),
            $exchange,
            $call->signal,
            static fn (int $status, array|AuditText $told): AuditEntry => $settlement->ended($number, $record, $status, $told),
            static fn (OutboundException $failure): array => $settlement->streamFailed($number, $record, $failure),
            static function () use ($settlement, $number, $record): void {
                if (OpenCalls::end($number)) {
                    $settlement->interrupted($record);
                }
            },
        );
        // The list of open calls must not keep it alive: if nobody reads on, it ends when it is destroyed.
        $record->stream = \WeakReference::create($streamed);
        return $streamed;
    }

    /**
     * Makes several calls at once.
     *
     * @internal for the clients
     * @param iterable<array-key, mixed> $calls each a list of service id, method, path and options
     * @return \Generator<array-key, CallEnd|OutboundException>
     * @throws OutboundException invalid_request.malformed
     */
    public function callAll(iterable $calls, int $concurrency): \Generator
    {
        if ($concurrency < 1) {
            throw OutboundException::malformed('at least one call is made at once');
        }
        // The generator runs within whoever iterates.
        $caller = Caller::find();
        $prepare = function (#[\SensitiveParameter] mixed $item) use ($caller): PreparedCall {
            [$serviceId, $method, $path, $options] = (is_array($item) ? array_values($item) : []) + [null, null, null, []];
            return is_string($serviceId) && is_string($method) && is_string($path) && is_array($options)
                ? $this->prepare($caller, true, $serviceId, $method, $path, $options)
                : throw OutboundException::malformed('a call is no list of service id, method, path and options');
        };
        $iterator = (static fn (): \Generator => yield from $calls)();
        return (new ConcurrentCalls($this->settlement, $prepare, $concurrency))->run($iterator);
    }

    /**
     * What comes before the sending.
     *
     * @param string|null $caller who makes the call; null: whoever called this package
     * @param bool $exchanges whether the transport has to be able to have several calls at once
     * @param array<mixed> $options
     * @param list<array{string, string}>|null $sdkHeaders
     * @throws OutboundException
     */
    private function prepare(
        ?string $caller,
        bool $exchanges,
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] ?string $url = null,
        #[\SensitiveParameter] ?array $sdkHeaders = null,
    ): PreparedCall {
        try {
            $correlationId = CallOptions::correlationId($options) ?? Uuid7::generate();
            $record = new CallRecord($caller ?? Caller::find(), $serviceId, $method, $correlationId);
        } catch (\Error $error) {
            // PHP lacks a function without which no record can be made either.
            Functions::demand();
            throw $error;
        }
        $form = null;
        $call = OpenCalls::begin(fn () => $this->settlement->interrupted($record));
        try {
            Functions::demand();
            $record->madeBy($this->context);
            $service = $this->registry->get($serviceId);
            $record->isRequired = $service->audit === ServiceDefinition::AUDIT_REQUIRED;
            $record->sample = $record->isRequired ? 1 : $service->auditSample;
            if ($sdkHeaders !== null) {
                $options['headers'] = SdkHeaders::allowed($service, $sdkHeaders);
                if (is_string($options['body'] ?? null)) {
                    $options['body'] = SdkFields::body($service, $sdkHeaders, $options['body']);
                }
                $url = $url === null ? null : SdkFields::url($service, $url);
            }
            $read = CallOptions::read($options);
            $form = $read->form;
            $trace = $this->context?->traceparent();
            $request = RequestBuilder::build($service, $method, $path, $url, $read, $correlationId, $trace);
            $transport = $this->transports->select($service->transport);
            if ($exchanges || $read->needsExchange()) {
                PreparedCall::exchangesOf($transport);
            }
            $length = $form?->length() ?? $read->source?->length();
            $isNext = $form === null && $read->source === null && !$record->isRequired && $service->credentials === [];
            $decision = null;
            if (!$isNext || !$transport instanceof RemoteDecision) {
                $decision = $transport->decide($request, $service->credentials, $length);
                $record->decided($decision, ...$service->credentials);
            }
            if ($form !== null) {
                $request = $request->withBody($form->read());
            }
            if ($record->isRequired) {
                $this->auditor->begin($record->intent());
                $record->hasBegun = true;
            }
            $sealed = [];
            foreach ($service->credentials as $reference) {
                $sealed[] = $this->fetch($service, $reference);
            }
            $request = $request->withCredentials($sealed);
            return new PreparedCall(
                $call,
                $record,
                $request,
                $transport,
                $decision,
                $read->source,
                $read->signal,
            );
        } catch (\Throwable $failure) {
            throw $this->failed($call, $record, $failure);
        } finally {
            $form?->close();
        }
    }

    /** What the caller gets for a failure, after its record. */
    private function failed(int $call, CallRecord $record, #[\SensitiveParameter] \Throwable $failure): \Throwable
    {
        if ($failure instanceof OutboundException) {
            return $this->settlement->failed($call, $record, $failure)[0];
        }
        if ($record->sent === 'no') {
            return $this->settlement->failed($call, $record, Unexpected::failure($failure))[0];
        }
        // A signal handler of the caller has thrown it, and the caller expects it.
        if (OpenCalls::end($call)) {
            $this->settlement->interrupted($record);
        }
        return $failure;
    }

    /**
     * @throws OutboundException
     */
    private function fetch(ServiceDefinition $service, CredentialReference $reference): SealedCredential
    {
        if ($service->technicalUser === null) {
            return $this->credentials->fetch($reference);
        }
        if ($this->credentials instanceof TechnicalUserCredentialProvider) {
            return $this->credentials->fetchAs($reference, $service->technicalUser);
        }
        throw OutboundException::create(
            'credential.access_denied',
            'the service "' . $service->id . '" has a technical user, and the provider of credentials knows none',
        );
    }
}
