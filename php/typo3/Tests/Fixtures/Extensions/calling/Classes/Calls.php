<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\SecureHttpClientInterface;

/**
 * Calls a service and tells how that ended.
 */
final readonly class Calls
{
    public function __construct(private SecureHttpClientInterface $client)
    {
    }

    /**
     * @return array<string, mixed> status and what the API saw as Authorization, or code and message
     */
    public function call(string $service): array
    {
        try {
            $response = $this->client->request($service, 'GET', '/echo');
        } catch (OutboundException $failure) {
            return ['code' => $failure->errorCode(), 'message' => $failure->getMessage()];
        }
        $headers = $response->json()['headers'] ?? [];
        return [
            'status' => $response->statusCode(),
            'authorization' => is_array($headers) ? $headers['authorization'] ?? null : null,
            'transport' => $response->audit()->record['transport'],
        ];
    }
}
