<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrSecureOutbound\Audit\DatabaseAuditSink;
use Netresearch\NrSecureOutbound\Audit\RequestContext;
use Netresearch\NrSecureOutbound\Call\Transports;
use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\Vault\NrVaultCredentialProvider;
use Netresearch\NrVault\Audit\AuditLogServiceInterface;
use Netresearch\NrVault\Audit\HttpCallContext;
use Netresearch\NrVault\Exception\RequestCancelledException;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\Psr18\ServiceNetworkException;
use Netresearch\NrVault\Outbound\Psr18\ServiceRequestException;
use Netresearch\NrVault\Outbound\Registry\EnabledServices;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Psr\EventDispatcher\EventDispatcherInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Log\LoggerInterface;

/**
 * Makes the calls of nr-vault's client through the library, and writes nr-vault's own record of each call beside the library's.
 *
 * @internal
 */
final readonly class HttpCalls
{
    private const CALL = 'http_call';
    private const CANCELLED = 'http_call_cancelled';
    private const CANCELLED_BEFORE = 'http_call_cancelled_before_send';

    private BodyFields $fields;

    public function __construct(
        private ServiceChoice $services,
        private OAuthCalls $oauth,
        private NrVaultCredentialProvider $credentials,
        private Transports $transports,
        private DatabaseAuditSink $audit,
        private RequestContext $context,
        private AuditLogServiceInterface $vaultAudit,
        private ResponseFactoryInterface $responses,
        private StreamFactoryInterface $streams,
        private ?EventDispatcherInterface $events = null,
        private ?LoggerInterface $logger = null,
    ) {
        $this->fields = new BodyFields($streams);
    }

    /**
     * @throws \Throwable as nr-vault's client throws
     */
    public function send(
        Wanted $wanted,
        #[\SensitiveParameter] RequestInterface $request,
        VaultServiceInterface $vault,
        Manner $manner,
    ): ResponseInterface {
        $choice = $this->oauth->judged($wanted, $request, $this->services->of($wanted, $request));
        $status = 0;
        $error = null;
        $action = self::CALL;
        $isRecorded = false;
        try {
            $isRefused = $choice instanceof Choice && $choice->service instanceof OutboundException;
            if (!$isRefused && $manner->isCancelled()) {
                $action = self::CANCELLED_BEFORE;
                throw $manner->cancelledBefore();
            }
            if ($choice instanceof HandedOver) {
                // nr-vault's own client has written its record.
                $isRecorded = true;
                return $choice->send($wanted, $request, $vault, $manner);
            }
            $response = $this->answered($choice, $wanted, $request, $manner);
            $status = $response->getStatusCode();
            return $response;
        } catch (\Throwable $thrown) {
            $error = $thrown->getMessage();
            $isEnded = $action === self::CALL && $thrown instanceof RequestCancelledException;
            $action = $isEnded ? self::CANCELLED : $action;
            throw $thrown;
        } finally {
            if (!$isRecorded) {
                $call = HttpCallContext::fromRequest($request->getMethod(), (string) $request->getUri(), $status);
                $this->vaultAudit->log($wanted->recorded(), $action, $error === null, $error, $wanted->reason, null, null, $call);
            }
        }
    }

    private function answered(
        Choice $choice,
        Wanted $wanted,
        #[\SensitiveParameter] RequestInterface $request,
        Manner $manner,
    ): ResponseInterface {
        try {
            $request = $this->fields->without($wanted->bodyFields(), $request);
        } catch (OutboundException $refusal) {
            $choice = new Choice($choice->id, $refusal);
        }
        $calls = new ServiceCalls(
            self::enabled($choice),
            $this->credentials,
            $this->transports,
            $this->audit,
            $this->context,
            $this->events,
            $this->logger,
        );
        $client = (new OutboundClientFactory($calls, $this->responses, $this->streams))
            ->forService($choice->id, $wanted->seconds, $manner->isStream, $manner->signal);
        try {
            $response = $client->sendRequest($request);
            return $manner->isStream ? $response->withBody(new ArrivingBody($response->getBody())) : $response;
        } catch (ServiceNetworkException $exception) {
            throw $manner->failure($exception);
        } catch (ServiceRequestException $exception) {
            $service = $choice->service;
            throw Refusals::of($exception, $service instanceof OutboundException ? [] : $service->credentials);
        }
    }

    private static function enabled(Choice $choice): ServiceRegistry
    {
        try {
            $enabled = Settings::fromGlobals()->services;
        } catch (OutboundException) {
            // The call is refused, and the choice throws the refusal.
            $enabled = null;
        }
        return $enabled === null ? $choice : new EnabledServices($choice, $enabled);
    }
}
