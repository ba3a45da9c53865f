<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound;

use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Call\Auditor;
use Netresearch\NrVault\Outbound\Call\CallEnd;
use Netresearch\NrVault\Outbound\Call\Caller;
use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Call\CallRecord;
use Netresearch\NrVault\Outbound\Call\RequestBuilder;
use Netresearch\NrVault\Outbound\Call\SdkHeaders;
use Netresearch\NrVault\Outbound\Credential\SealedCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\TransportSelector;
use Psr\EventDispatcher\EventDispatcherInterface;
use Psr\Log\LoggerInterface;

/**
 * What the clients share: from a service id to a response and one audit record. A host makes one and gives it to
 * SecureHttpClient and to Psr18\OutboundClientFactory.
 *
 * The order is: registry, form of the call, decision of the transport, intent where audit is required, envelopes,
 * transfer, record, event. So a call that is refused by its policy opens and counts nothing.
 *
 * @api
 */
final readonly class ServiceCalls
{
    private Auditor $auditor;

    /**
     * @param LoggerInterface|null $logger is told of audit sinks and listeners that fail
     */
    public function __construct(
        private ServiceRegistry $registry,
        private SealedCredentialProvider $credentials,
        private TransportSelector $transports,
        AuditSink $audit,
        private ?CallContext $context = null,
        ?EventDispatcherInterface $events = null,
        ?LoggerInterface $logger = null,
    ) {
        $this->auditor = new Auditor($audit, $events, $logger);
    }

    /**
     * @internal for the clients
     * @param array<mixed> $options as SecureHttpClientInterface has them
     * @param string|null $url absolute, in place of path and query
     * @param bool $fromSdk whether its headers are pairs that an SDK set, which knows neither service nor connection
     * @throws OutboundException
     */
    public function call(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] ?string $url = null,
        bool $fromSdk = false,
    ): CallEnd {
        $correlationId = CallOptions::correlationId($options) ?? Uuid7::generate();
        $record = new CallRecord($this->context, Caller::find(), $serviceId, $method, $correlationId);
        $required = false;
        $begun = false;
        $sent = 'no';
        try {
            $service = $this->registry->get($serviceId);
            $required = $service->audit === ServiceDefinition::AUDIT_REQUIRED;
            if ($fromSdk) {
                $options['headers'] = SdkHeaders::kept($service, $options['headers']);
            }
            $read = CallOptions::read($options);
            $trace = $this->context?->traceparent();
            $request = RequestBuilder::build($service, $method, $path, $url, $read, $correlationId, $trace);
            $transport = $this->transports->select($service->transport);
            $record->decided($transport->decide($request, $service->credentials), ...$service->credentials);
            if ($required) {
                $this->auditor->begin($record->intent());
                $begun = true;
            }
            $sealed = [];
            foreach ($service->credentials as $reference) {
                $sealed[] = $this->credentials->fetch($reference);
            }
            $request = $request->withCredentials($sealed);
            $sent = 'maybe';
            $response = $transport->send($request);
        } catch (OutboundException $failure) {
            throw $this->failed($record, $failure, $required, $begun);
        } catch (\Throwable $foreign) {
            throw $this->failed($record, self::foreign($foreign, $sent), $required, $begun);
        }
        return $this->ended($record, $response, $required, $begun);
    }

    private function ended(CallRecord $record, ResponseSpec $response, bool $required, bool $begun): CallEnd
    {
        $entry = $record->response($response->audit);
        if (!$this->auditor->end($entry, $begun) && $required) {
            $this->auditor->dispatch($entry);
            throw OutboundException::create(
                'internal.audit_failed',
                'The call was made, and its record could not be completed.',
                sent: 'yes',
                httpStatus: $response->status,
                auditRecord: $entry->record,
            );
        }
        $this->auditor->dispatch($entry);
        return new CallEnd($response, $entry);
    }

    private function failed(
        CallRecord $record,
        OutboundException $failure,
        bool $required,
        bool $begun,
    ): OutboundException {
        $entry = $record->failure($failure);
        if ($failure->errorCode() !== 'internal.audit_failed' && !$this->auditor->end($entry, $begun) && $required) {
            $failure = OutboundException::create(
                'internal.audit_failed',
                'The call ended in ' . $failure->errorCode() . ', and its record could not be written.',
                sent: $failure->sent(),
                httpStatus: $failure->httpStatus(),
                auditRecord: $failure->auditRecord(),
            );
        }
        $this->auditor->dispatch($entry);
        return $failure;
    }

    /**
     * Parts that the host gave may throw what their interface does not say. Such an exception may hold anything, so
     * only its class is passed on, and the call still has its record.
     */
    private static function foreign(\Throwable $foreign, string $sent): OutboundException
    {
        $class = strtok($foreign::class, "\0");
        return OutboundException::create('internal.panic', 'A part of the client threw ' . $class . '.', sent: $sent);
    }
}
