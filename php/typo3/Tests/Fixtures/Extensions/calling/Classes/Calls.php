<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\SecureHttpClient;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Core\Core\Environment;

/**
 * Calls a service and returns the result.
 */
final readonly class Calls
{
    public function __construct(private SecureHttpClient $client)
    {
    }

    /**
     * @param string $path of the API, whose response may tell what it received
     * @return array<string, mixed> status and the Authorization field that the API received, or code and message
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
     * Makes the call that the query of a request names; the result has the process and the project as well.
     *
     * @return array<string, mixed>
     */
    public function asked(ServerRequestInterface $request): array
    {
        $query = $request->getQueryParams();
        $text = static fn (string $name, string $default): string => is_string($query[$name] ?? null) ? $query[$name] : $default;
        return $this->call($text('service', ''), $text('path', '/echo'))
            + ['pid' => getmypid(), 'project' => Environment::getProjectPath()];
    }

    /** Reads the beginning of a response, and ends the process of the request. */
    public function leave(ServerRequestInterface $request): never
    {
        ['service' => $service, 'path' => $path] = $request->getQueryParams();
        $response = $this->client->stream($service, 'GET', $path);
        echo $response->body()->read(1);
        exit;
    }
}
