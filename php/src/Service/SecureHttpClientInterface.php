<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Call\FormPart;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Calls an external API by the id of its service. URL, policy and credentials are in the registry.
 *
 * It has only one method, so that test doubles are short, and decorators need no change for new options. The trait HttpMethods
 * adds get(), post() and so on to the clients of this package, and to ServiceApi for code that has only this interface.
 *
 * @phpstan-type Query array<string, scalar|array<mixed>|null>|list<array{string, string}>
 * @phpstan-type Headers array<string, string|int|list<string|int>>|list<array{string, string}>
 * @phpstan-type FormFields array<string, scalar|array<mixed>|null>|list<array{string, string}>
 * @phpstan-type Parts array<string, string|int|FormPart|list<string|int|FormPart>>|list<array{string, string|FormPart}>
 * @phpstan-type Options array{
 *     query?: Query|null,
 *     headers?: Headers|null,
 *     json?: array<mixed>|object|null,
 *     body?: string|resource|\Psr\Http\Message\StreamInterface|\SplFileInfo|null,
 *     form_params?: FormFields|null,
 *     multipart?: Parts|null,
 *     timeout?: int|float|null,
 *     idleTimeout?: int|float|null,
 *     connectTimeout?: int|float|null,
 *     idempotencyKey?: string|null,
 *     correlationId?: string|null,
 *     cancel?: \Closure(): bool|object|null,
 *     sink?: string|resource|\Psr\Http\Message\StreamInterface|null,
 * }
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
     * - `body`: a string of bytes; or an open stream, a PSR-7 stream or a SplFileInfo of a file, which is read while it is sent,
     *   from where it stands to its end, and once: attempts, 307 and 308 do not repeat it
     * - `form_params`: the fields of a form, as query; the body is application/x-www-form-urlencoded
     * - `multipart`: a map of names to a part or a list of parts, or a list of [name, part] pairs; the body is
     *   multipart/form-data. A string is the content of a field, whatever it looks like; FormPart names files
     * - `timeout`: seconds for the whole call, int or float, above 0
     * - `idleTimeout`: seconds for which nothing may come while the call waits for it
     * - `connectTimeout`: seconds for making a connection, where the configuration allows more
     * - `idempotencyKey`: printable ASCII; sent in the header that the service names, Idempotency-Key by default
     * - `correlationId`: of A-Z a-z 0-9 . _ : - up to 128; a UUIDv7 where absent
     * - `cancel`: an object with a method isCancelled(), or a closure; while the call waits it is asked, and true ends the call
     * - `sink`: the path of a local file, an open stream or a PSR-7 stream, to which the body of the response is written while it
     *   arrives, whatever the status; of the response itself body() is then ''. The times are those of a stream
     *
     * @param string $path below the service's base URL; '' is the base URL itself
     * @param Options $options one of json, body, form_params and multipart
     * @throws OutboundException if the call was refused or failed; its class tells at which step, errorCode() why
     */
    public function request(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse;
}
