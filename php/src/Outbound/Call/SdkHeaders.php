<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\DeclaredCredentials;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;

/**
 * The header fields of a request that an SDK made. SDKs require a key, and set fields of the connection although the library
 * makes it. A field that is refused from other callers is removed here, because an SDK cannot omit it.
 *
 * @internal
 */
final class SdkHeaders
{
    /**
     * Fields for one connection only (RFC 9110 section 7.6.1, RFC 2616 section 13.5.1), and fields that the transport sets
     * itself. Proxy-Authorization is not listed, since it has a secret: a caller who sets it gets an error.
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
     * The fields in which an SDK sends its placeholder for the key.
     *
     * @return list<string> in lower case
     */
    public static function placeholders(ServiceDefinition $service): array
    {
        $names = [
            ...DeclaredCredentials::filledHeaders($service->credentials),
            ...array_map(strtolower(...), $service->placeholderHeaders),
        ];
        // The name of the field is sealed, so the usual one is assumed; the service's entry lists any other.
        if (in_array(CredentialReference::API_KEY, array_column($service->credentials, 'type'), true)) {
            $names[] = HeaderRules::X_API_KEY;
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
