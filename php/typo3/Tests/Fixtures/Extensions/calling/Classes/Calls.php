<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Psr\Http\Message\ServerRequestInterface;

/**
 * Calls a service and tells how that ended.
 */
final readonly class Calls
{
    public function __construct(private SecureHttpClientInterface $client)
    {
    }

    /**
     * @param string $path of an API that may tell what it saw
     * @return array<string, mixed> status and what the API saw as Authorization, or code and message
     */
    public function call(string $service, string $path = '/echo'): array
    {
        try {
            $response = $this->client->request($service, 'GET', $path);
        } catch (OutboundException $failure) {
            return ['code' => $failure->errorCode(), 'message' => $failure->getMessage()];
        }
        $headers = $path === '/echo' ? $response->json()['headers'] ?? [] : [];
        return [
            'status' => $response->statusCode(),
            'authorization' => is_array($headers) ? $headers['authorization'] ?? null : null,
            'transport' => $response->audit()->record['transport'],
        ];
    }

    /**
     * The call that the query of a request names, and the process that made it.
     *
     * @return array<string, mixed>
     */
    public function asked(ServerRequestInterface $request): array
    {
        $query = $request->getQueryParams();
        $text = static fn (string $name, string $default): string => is_string($query[$name] ?? null) ? $query[$name] : $default;
        return $this->call($text('service', ''), $text('path', '/echo')) + ['pid' => getmypid()];
    }
}
