<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Psr18;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * Makes PSR-18 clients, so that an SDK runs through the policy, the credentials and the audit of a service. The SDK
 * is given no key: the placeholder that it requires is replaced by the service's credential.
 *
 * @api
 */
final readonly class OutboundClientFactory
{
    public function __construct(
        private ServiceCalls $calls,
        private ResponseFactoryInterface $responses,
        private StreamFactoryInterface $streams,
    ) {
    }

    /**
     * A client whose every request is one to this service. Whether it exists shows when it is used.
     *
     * @param int|float|null $timeout seconds for the whole of each request; null: what policy and configuration say
     */
    public function forService(string $id, int|float|null $timeout = null): ClientInterface
    {
        return new ServiceClient($this->calls, $id, $this->responses, $this->streams, $timeout);
    }
}
