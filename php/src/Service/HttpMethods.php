<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * PHP methods for the usual HTTP methods. Each only calls request() with its name.
 *
 * @phpstan-import-type Options from SecureHttpClientInterface
 * @api
 */
trait HttpMethods
{
    /**
     * @param Options $options
     */
    abstract public function request(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse;

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function get(
        string $serviceId,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request($serviceId, 'GET', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function head(
        string $serviceId,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request($serviceId, 'HEAD', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function post(
        string $serviceId,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request($serviceId, 'POST', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function put(
        string $serviceId,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request($serviceId, 'PUT', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function patch(
        string $serviceId,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request($serviceId, 'PATCH', $path, $options);
    }

    /**
     * @param Options $options
     * @throws OutboundException
     */
    public function delete(
        string $serviceId,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        return $this->request($serviceId, 'DELETE', $path, $options);
    }
}
