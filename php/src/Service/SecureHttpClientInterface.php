<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Calls an external API by the id of its service. Endpoint, policy and credentials are the registry's.
 *
 * @api
 */
interface SecureHttpClientInterface
{
    /**
     * Sends one request and waits for its response, whatever its HTTP status.
     *
     * Options, of which each may be left out or null:
     * - `query`: a map, encoded as http_build_query() does with RFC 3986, or a list of [name, value] pairs
     * - `headers`: a map of names to a value or a list of values, or a list of [name, value] pairs
     * - `json`: an array or object to be encoded; content-type becomes application/json where it is not set
     * - `body`: a string of bytes, not together with json
     * - `timeout`: seconds for the whole call, int or float, above 0
     * - `idempotencyKey`: printable ASCII; sent in the header that the service names, Idempotency-Key by default
     * - `correlationId`: of A-Z a-z 0-9 . _ : - up to 128; a UUIDv7 where absent
     *
     * @param string $path below the service's base URL; '' is the base URL itself
     * @param array{
     *     query?: array<mixed>|null,
     *     headers?: array<mixed>|null,
     *     json?: array<mixed>|object|null,
     *     body?: string|null,
     *     timeout?: int|float|null,
     *     idempotencyKey?: string|null,
     *     correlationId?: string|null,
     * } $options
     * @throws OutboundException what was refused or failed; its final class says where, errorCode() why
     */
    public function request(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse;
}
