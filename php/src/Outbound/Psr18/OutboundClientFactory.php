<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Psr18;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * Makes PSR-18 clients, so that the calls of an SDK use the policy, the credentials and the audit log of a service. The SDK gets
 * no key: the placeholder that it requires is replaced by the service's credential.
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
     * A client that sends every request to this service. If the service does not exist, the first request fails.
     *
     * @param int|float|null $timeout seconds for the whole of each request; null: the value of policy and configuration
     * @param bool $stream whether a response is returned with its first bytes, and its body is read while it arrives: for the
     *        client with which an SDK reads events
     * @param object|null $cancel ends a request that waits: an object with a method isCancelled(), or a closure
     */
    public function forService(
        string $id,
        int|float|null $timeout = null,
        bool $stream = false,
        ?object $cancel = null,
    ): ClientInterface {
        return new ServiceClient($this->calls, $id, $this->responses, $this->streams, $timeout, $stream, $cancel);
    }
}
