<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;

/**
 * A client whose responses can be read while they arrive. The clients of this package are such clients.
 *
 * @phpstan-import-type Options from SecureHttpClientInterface
 * @api
 */
interface SecureHttpStreamClientInterface extends SecureHttpClientInterface
{
    /**
     * Sends one request, and returns once the head of its response and the first byte of the body are there, or a body without
     * bytes has ended. Options are those of request(). Unless `timeout` or the policy limits the whole time, only the first byte
     * has to come within the default time, and `idleTimeout` is 60 seconds.
     *
     * @param string $path below the service's base URL; '' is the base URL itself
     * @param Options $options
     * @throws OutboundException if the call was refused or failed
     */
    public function stream(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): StreamedResponse;

    /**
     * Makes several calls at once, and hands each over when it has ended, under its key. A failure is a value and ends nothing
     * but its call. The next request is asked for when its call can begin, and the time of a call begins then. Leaving the loop
     * cancels the calls that have not ended.
     *
     *     foreach ($client->requestAll(['a' => ['my-api', 'GET', '/a'], 'b' => ['my-api', 'GET', '/b']]) as $key => $response)
     *
     * @param iterable<array-key, array{0: string, 1: string, 2: string, 3?: Options}> $requests service id, method, path, options
     * @param int $concurrency how many calls are made at once
     * @return \Generator<array-key, SecureHttpResponse|OutboundException>
     * @throws OutboundException invalid_request.malformed for a concurrency below 1
     * @throws \Throwable what the iterable throws
     */
    public function requestAll(iterable $requests, int $concurrency = 10): \Generator;
}
