<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrSecureOutbound\Audit\DatabaseAuditSink;
use Netresearch\NrSecureOutbound\Audit\RequestContext;
use Netresearch\NrSecureOutbound\Call\Transports;
use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Outbound\Call\Auditor;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\EnabledServices;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Psr\EventDispatcher\EventDispatcherInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Log\LoggerInterface;

/**
 * Calls with an OAuth token. The library fetches tokens if id and secret of the client are one stored secret. Callers of nr-vault
 * name two secrets, and some need a new refresh token to be stored. Such calls are checked against the policy here, and
 * nr-vault's own client makes them.
 *
 * @internal
 */
final readonly class OAuthCalls
{
    private const CLIENT_CREDENTIALS = 'client_credentials';

    private Auditor $auditor;

    public function __construct(
        private Transports $transports,
        private VaultHttpClientFactory $clients,
        private RequestContext $context,
        DatabaseAuditSink $audit,
        ?EventDispatcherInterface $events = null,
        private ?LoggerInterface $logger = null,
    ) {
        $this->auditor = new Auditor($audit, $events, $logger);
    }

    /** The choice for a call with a token: the library, nr-vault's own client, or a refusal. */
    public function judged(
        Wanted $wanted,
        #[\SensitiveParameter] RequestInterface $request,
        Choice $choice,
    ): Choice|HandedOver {
        $service = $choice->service;
        if ($wanted->oauth === null || $service instanceof OutboundException || self::isClient($service, $wanted->oauth)) {
            return $choice;
        }
        try {
            $enabled = Settings::fromGlobals()->services;
            if ($enabled !== null) {
                (new EnabledServices($choice, $enabled))->get($choice->id);
            }
            $this->judge($service, $request->getMethod(), (string) $request->getUri()->withFragment(''));
            $this->judge(self::endpoint($wanted->oauth), 'POST', $wanted->oauth->tokenEndpoint);
        } catch (OutboundException $refusal) {
            return new Choice($choice->id, $refusal);
        }
        $this->logger?->notice(
            "nr-vault's own client makes a call with a token of OAuth (client \"{client}\"): no service has the client as one secret "
                . 'of the type oauth2_client_credentials, or its grant is another',
            ['client' => $wanted->oauth->clientIdSecret],
        );
        return new HandedOver($choice->id, $wanted->oauth, $this->clients, $this->auditor, $this->context);
    }

    /** Whether the library fetches this client's tokens. */
    private static function isClient(ServiceDefinition $service, OAuthConfig $config): bool
    {
        foreach ($service->credentials as $reference) {
            $isOne = in_array($reference->identifier, [$config->clientSecretSecret, $config->clientIdSecret], true);
            if ($isOne && $reference->type === CredentialReference::OAUTH2_CLIENT_CREDENTIALS) {
                return $config->grantType === self::CLIENT_CREDENTIALS;
            }
        }
        return false;
    }

    /**
     * Decides as far as that is possible without sending: nr-vault's client checks the address.
     *
     * @throws OutboundException
     */
    private function judge(ServiceDefinition $service, string $method, #[\SensitiveParameter] string $url): void
    {
        $this->transports->select($service->transport)
            ->decide(new RequestSpec($service->id, $method, $service->policy, $service->baseUrl, url: $url));
    }

    private static function endpoint(OAuthConfig $config): ServiceDefinition
    {
        $parts = parse_url($config->tokenEndpoint);
        $scheme = strtolower($parts['scheme'] ?? '');
        $port = isset($parts['port']) ? ':' . $parts['port'] : '';
        return new ServiceDefinition(
            ServiceChoice::WITHOUT_SERVICE,
            "$scheme://" . ($parts['host'] ?? '') . $port,
            new Policy(['POST'], allowHttp: $scheme === 'http'),
        );
    }
}
