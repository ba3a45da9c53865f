<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Call\Auditor;
use Netresearch\NrVault\Outbound\Call\Caller;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\Text\Uuid7;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * A call that nr-vault's own client makes, because the library cannot. Its record says so.
 *
 * @internal
 */
final readonly class HandedOver
{
    /** Stands in the record in place of the name of a transport. */
    public const TRANSPORT = 'nr-vault';

    /**
     * @param string $id of the service, or the reserved id
     */
    public function __construct(
        private string $id,
        private OAuthConfig $config,
        private VaultHttpClientFactory $clients,
        private Auditor $auditor,
        private CallContext $context,
    ) {
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
        $begun = hrtime(true);
        $status = null;
        try {
            $response = self::sent($this->client($wanted, $vault), $request, $manner);
            $status = $response->getStatusCode();
            return $response;
        } finally {
            $entry = $this->entry($request, $status, intdiv(hrtime(true) - $begun, 1000));
            $this->auditor->end($entry, false);
            $this->auditor->dispatch($entry);
        }
    }

    private static function sent(
        VaultHttpClientInterface $client,
        #[\SensitiveParameter] RequestInterface $request,
        Manner $manner,
    ): ResponseInterface {
        return match (true) {
            $manner->isStream && $client instanceof StreamingHttpClientInterface => $client->sendStreaming($request, $manner->signal),
            $manner->signal !== null && $client instanceof CancellableHttpClientInterface
                => $client->sendCancellable($request, $manner->signal),
            default => $client->sendRequest($request),
        };
    }

    private function client(Wanted $wanted, VaultServiceInterface $vault): VaultHttpClientInterface
    {
        $client = $this->clients->create($vault)->withOAuth($this->config, $wanted->reason);
        // Only later releases have these methods.
        if ($wanted->seconds !== null && is_callable([$client, 'withTimeout'])) {
            $limited = $client->withTimeout($wanted->seconds);
            $client = $limited instanceof VaultHttpClientInterface ? $limited : $client;
        }
        foreach ($wanted->fields as [$identifier, $field]) {
            if ($client instanceof AdditionalSecretHttpClientInterface) {
                $client = $client->withAdditionalBodyField($identifier, $field);
            }
        }
        return $client;
    }

    private function entry(#[\SensitiveParameter] RequestInterface $request, ?int $status, int $microseconds): AuditEntry
    {
        return new AuditEntry(
            Uuid7::generate(),
            AuditEntry::COMPLETE,
            $status === null ? AuditEntry::FAILED : AuditEntry::RESPONSE,
            [
                'service_id' => $this->id,
                'method' => $request->getMethod(),
                'host' => $request->getUri()->getHost(),
                'port' => BaseUrl::port($request->getUri()),
                'status' => $status,
                'sent' => $status === null ? 'maybe' : 'yes',
                'duration_us' => $microseconds,
                'credentials' => [
                    $this->config->clientIdSecret,
                    $this->config->clientSecretSecret,
                    ...($this->config->refreshTokenSecret === null ? [] : [$this->config->refreshTokenSecret]),
                ],
                'transport' => self::TRANSPORT,
            ],
            $this->context->actorType(),
            $this->context->actorId(),
            Caller::find(),
            $this->context->requestId(),
        );
    }
}
