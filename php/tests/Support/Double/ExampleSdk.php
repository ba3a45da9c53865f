<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\RequestFactoryInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * An SDK like those that vendors write for PSR-18 and PSR-17: it builds absolute URIs and sets headers itself.
 */
final class ExampleSdk
{
    public function __construct(
        private readonly ClientInterface $client,
        private readonly RequestFactoryInterface $requests,
        private readonly StreamFactoryInterface $streams,
        private readonly string $endpoint,
    ) {
    }

    /**
     * @param array<string, mixed> $fields
     * @return array<string, mixed>
     */
    public function create(string $resource, array $fields): array
    {
        $body = (string) json_encode($fields);
        $request = $this->requests->createRequest('POST', $this->endpoint . '/' . $resource . '?expand%5B%5D=all')
            ->withHeader('Content-Type', 'application/json')
            ->withHeader('Content-Length', (string) strlen($body))
            ->withHeader('User-Agent', 'example-sdk/1')
            ->withBody($this->streams->createStream($body));
        $response = $this->client->sendRequest($request);
        if ($response->getStatusCode() >= 400) {
            throw new \RuntimeException('Error ' . $response->getStatusCode());
        }
        return json_decode((string) $response->getBody(), true, 512, JSON_THROW_ON_ERROR);
    }
}
