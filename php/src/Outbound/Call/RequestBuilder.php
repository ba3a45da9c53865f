<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Makes the request of a call from its service and its options. The transport joins and checks URLs.
 *
 * @internal
 */
final class RequestBuilder
{
    /**
     * @param string|null $url absolute, in place of path and query
     * @throws OutboundException invalid_request.malformed
     */
    public static function build(
        ServiceDefinition $service,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] ?string $url,
        #[\SensitiveParameter] CallOptions $options,
        string $correlationId,
        ?string $traceparent,
    ): RequestSpec {
        $headers = self::withDefaults($options->headers, $service->headers);
        if ($options->isJson) {
            $headers = self::withDefaults($headers, [['content-type', 'application/json']]);
        }
        if ($traceparent !== null && preg_match('/\A[\x21-\x7E]{1,256}\z/', $traceparent) === 1) {
            $headers = self::withDefaults($headers, [['traceparent', $traceparent]]);
        }
        return new RequestSpec(
            $service->id,
            $method,
            $service->policy,
            $service->baseUrl,
            $path,
            $options->query,
            $url,
            $headers,
            $options->body,
            $options->timeoutMs,
            $correlationId,
            $options->idempotencyKey,
            [],
            $service->idempotencyHeader,
            $service->alternatives,
            $options->idleTimeoutMs,
            $options->connectTimeoutMs,
        );
    }

    /**
     * @param list<array{string, string}> $headers
     * @param list<array{string, string}> $defaults
     * @return list<array{string, string}>
     */
    private static function withDefaults(#[\SensitiveParameter] array $headers, array $defaults): array
    {
        if ($headers === [] || $defaults === []) {
            return $headers === [] ? $defaults : $headers;
        }
        $set = array_change_key_case(array_column($headers, 1, 0));
        foreach ($defaults as $default) {
            if (!array_key_exists(strtolower($default[0]), $set)) {
                $headers[] = $default;
            }
        }
        return $headers;
    }
}
