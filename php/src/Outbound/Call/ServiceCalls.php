<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Credential\TechnicalUserCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\ResponseSpec;
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
 * record, event. So for a call that its policy refuses, no secret is read and no counter changes.
 *
 * @api
 */
final readonly class ServiceCalls
{
    private Auditor $auditor;

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
        try {
            $correlationId = CallOptions::correlationId($options) ?? Uuid7::generate();
            $record = new CallRecord(Caller::find(), $serviceId, $method, $correlationId);
        } catch (\Error $error) {
            // PHP lacks a function without which no record can be made either.
            Functions::demand();
            throw $error;
        }
        $form = null;
        $call = OpenCalls::begin(fn () => $this->interrupted($record));
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
            $decision = $transport->decide($request, $service->credentials, $form?->length());
            $record->decided($decision, ...$service->credentials);
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
            $record->sent = 'maybe';
            return $this->ended($call, $record, $transport->send($request, $decision));
        } catch (OutboundException $failure) {
            throw $this->failed($call, $record, $failure);
        } catch (\Throwable $foreign) {
            if ($record->sent === 'no') {
                throw $this->failed($call, $record, Unexpected::failure($foreign));
            }
            // A signal handler of the caller has thrown it, and the caller expects it.
            if (OpenCalls::end($call)) {
                $this->interrupted($record);
            }
            throw $foreign;
        } finally {
            $form?->close();
        }
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

    private function ended(int $call, CallRecord $record, ResponseSpec $response): CallEnd
    {
        $entry = $record->response($response->record());
        OpenCalls::end($call);
        $isKept = $this->keep($entry, $record, $response->status);
        if (!$isKept && $record->isRequired) {
            $this->auditor->dispatch($entry);
            throw OutboundException::create(
                'internal.audit_failed',
                'the call was made, and its record could not be completed',
                sent: 'yes',
                httpStatus: $response->status,
                auditRecord: $entry->record,
            );
        }
        $this->auditor->dispatch($entry);
        return new CallEnd($response, $entry);
    }

    /**
     * @return bool false if the sink has failed
     */
    private function keep(AuditEntry $entry, CallRecord $record, int $status): bool
    {
        // A response with an error status is not a success, and is always recorded.
        if ($record->sample > 1 && $status < 400) {
            if (random_int(1, $record->sample) !== 1) {
                return true;
            }
            $entry = $entry->withWeight($record->sample);
        }
        return $this->auditor->end($entry, $record->hasBegun);
    }

    private function failed(int $call, CallRecord $record, OutboundException $failure): OutboundException
    {
        $entry = $record->failure($failure);
        if (!OpenCalls::end($call)) {
            return $failure;
        }
        $isUnrecorded = $failure->errorCode() === 'internal.audit_failed';
        if (!$isUnrecorded && !$this->auditor->end($entry, $record->hasBegun) && $record->isRequired) {
            $failure = OutboundException::create(
                'internal.audit_failed',
                'the call ended in ' . $failure->errorCode() . ', and its record could not be written',
                sent: $failure->sent(),
                httpStatus: $failure->httpStatus(),
                auditRecord: $failure->auditRecord(),
            );
        }
        $this->auditor->dispatch($entry);
        return $failure;
    }

    /**
     * The record of a call that was interrupted: by an exception that this package does not handle, by a fatal error or by
     * exit().
     */
    private function interrupted(CallRecord $record): void
    {
        $message = 'the call was left before its end';
        $entry = $record->failure(OutboundException::create('internal.interrupted', $message, sent: $record->sent));
        $this->auditor->end($entry, $record->hasBegun);
        $this->auditor->dispatch($entry);
    }
}
