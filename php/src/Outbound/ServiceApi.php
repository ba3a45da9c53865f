<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Service\SecureHttpStreamClientInterface;

/**
 * One service on any client, which may be a test double:
 *
 *     $api = new ServiceApi($client, 'my-api');
 *     $api->post('/resources', ['json' => ['name' => 'Zoë']])->json()
 *
 * @phpstan-import-type Options from SecureHttpClientInterface
 * @api
 */
final readonly class ServiceApi
{
    public function __construct(private SecureHttpClientInterface $client, private string $serviceId)
    {
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function request(
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->client->request($this->serviceId, $method, $path, $options);
    }

    /**
     * The same with a response that is read while it arrives, on a client that can do it.
     *
     * @param Options $options
     * @throws OutboundException
     */
    public function stream(
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): StreamedResponse {
        return $this->client instanceof SecureHttpStreamClientInterface
            ? $this->client->stream($this->serviceId, $method, $path, $options)
            : throw new \LogicException('the client of this ServiceApi is no SecureHttpStreamClientInterface');
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function get(
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request('GET', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function head(
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request('HEAD', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function post(
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request('POST', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function put(
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request('PUT', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function patch(
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request('PATCH', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function delete(
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request('DELETE', $path, $options);
    }
}
