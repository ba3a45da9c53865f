<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\DeclaredCredentials;

/**
 * The headers of a request that an SDK made. SDKs require a key and set headers of the connection, which they do not make
 * here. A header that is refused from other callers is dropped here, because an SDK cannot omit it.
 *
 * @internal
 */
final class SdkHeaders
{
    /**
     * For one connection only (RFC 9110 section 7.6.1, RFC 2616 section 13.5.1), or the transport's own business.
     * What holds a secret of the caller's is not among them: who sets Proxy-Authorization is told that it is not sent.
     */
    private const OF_THE_CONNECTION = [
        'connection',
        'keep-alive',
        'proxy-connection',
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
        'http2-settings',
        'accept-encoding',
        'expect',
    ];

    /**
     * @param list<array{string, string}> $headers
     * @return list<array{string, string}>
     */
    public static function allowed(ServiceDefinition $service, #[\SensitiveParameter] array $headers): array
    {
        $left = array_flip([
            ...self::OF_THE_CONNECTION,
            ...self::namedByConnection($headers),
            ...self::placeholders($service),
        ]);
        return array_values(array_filter(
            $headers,
            static fn (array $header): bool => !isset($left[strtolower($header[0])]),
        ));
    }

    /**
     * Where the key goes that the service has in place of the SDK's.
     *
     * @return list<string> in lower case
     */
    private static function placeholders(ServiceDefinition $service): array
    {
        $names = [
            ...DeclaredCredentials::filledHeaders($service->credentials),
            ...array_map(strtolower(...), $service->placeholderHeaders),
        ];
        // The name of the header is sealed, so the usual one is assumed; the service's entry names any other.
        if (in_array(CredentialReference::API_KEY, array_column($service->credentials, 'type'), true)) {
            $names[] = 'x-api-key';
        }
        return $names;
    }

    /**
     * @param list<array{string, string}> $headers
     * @return list<string> in lower case
     */
    private static function namedByConnection(#[\SensitiveParameter] array $headers): array
    {
        $names = [];
        foreach ($headers as [$name, $value]) {
            if (strtolower($name) === 'connection') {
                array_push($names, ...array_map(trim(...), explode(',', strtolower($value))));
            }
        }
        return $names;
    }
}
