<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\Php\Policy\DeclaredCredentials;
use Netresearch\NrVault\Transport\Placement;

/**
 * The query and the form of a request that an SDK made. The SDK has put its placeholder into a parameter or field that a
 * credential of the service fills, so it is removed here; from other callers it is refused.
 *
 * @internal
 */
final class SdkFields
{
    /** The parameters of a signed URL of AWS; S3's may name the hash of the body. */
    private const OF_AWS = [
        'X-Amz-Algorithm',
        'X-Amz-Credential',
        'X-Amz-Date',
        'X-Amz-Expires',
        'X-Amz-Security-Token',
        'X-Amz-SignedHeaders',
        'X-Amz-Signature',
        'X-Amz-Content-Sha256',
    ];

    /**
     * The URL without the parameters that a credential fills. Everything else stays as it was written.
     */
    public static function url(ServiceDefinition $service, #[\SensitiveParameter] string $url): string
    {
        $names = self::filled($service, 'query');
        if (DeclaredCredentials::signForAws($service->credentials)) {
            array_push($names, ...self::OF_AWS);
        }
        $parts = explode('?', $url, 2);
        if ($names === [] || !isset($parts[1])) {
            return $url;
        }
        $query = self::without($parts[1], $names);
        return $query === '' ? $parts[0] : $parts[0] . '?' . $query;
    }

    /**
     * The same for the fields of a form; a body of another type stays as it is.
     *
     * @param list<array{string, string}> $headers
     */
    public static function body(
        ServiceDefinition $service,
        #[\SensitiveParameter] array $headers,
        #[\SensitiveParameter] string $body,
    ): string {
        $names = self::filled($service, 'body_field');
        return $names === [] || !self::isForm($headers) ? $body : self::without($body, $names);
    }

    /**
     * Whether the content type is that of a form whose fields are in the body one after the other.
     *
     * @param list<array{string, string}> $headers
     */
    public static function isForm(#[\SensitiveParameter] array $headers): bool
    {
        foreach ($headers as [$name, $value]) {
            if (strtolower($name) === 'content-type') {
                return strtolower(trim(explode(';', $value, 2)[0])) === FormFields::CONTENT_TYPE;
            }
        }
        return false;
    }

    /**
     * The names that secrets of the service fill in such a place.
     *
     * @return list<string>
     */
    public static function filled(ServiceDefinition $service, string $place): array
    {
        $names = [];
        foreach ($service->credentials as $credential) {
            if ($credential->placement instanceof Placement && $credential->placement->type === $place) {
                $names[] = (string) $credential->placement->name;
            }
        }
        return $names;
    }

    /**
     * @param list<string> $names
     */
    private static function without(#[\SensitiveParameter] string $encoded, array $names): string
    {
        return implode('&', array_filter(
            explode('&', $encoded),
            static fn (string $field): bool => !in_array(urldecode(explode('=', $field, 2)[0]), $names, true),
        ));
    }
}
