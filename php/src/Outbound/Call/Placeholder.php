<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;

/**
 * The text that stands for a service's credential in the request of an SDK: "secure-outbound:my-api". It is no secret. Where
 * several services can be meant, it says which; where none has to be, only a request with it gets a credential.
 *
 * @api
 */
final class Placeholder
{
    private const PREFIX = 'secure-outbound:';

    /** The key to give to an SDK that requires one. */
    public static function of(string $serviceId): string
    {
        return self::PREFIX . $serviceId;
    }

    /**
     * Whether a request has the placeholder of this service in a header or in a field of a form that its credentials fill. The
     * query does not count: whoever can make an application follow a link chooses that.
     *
     * @internal
     * @param list<array{string, string}> $headers
     * @param \Closure(): string $body read only if a credential goes into a form
     */
    public static function isIn(
        ServiceDefinition $service,
        #[\SensitiveParameter] array $headers,
        #[\SensitiveParameter] \Closure $body,
    ): bool {
        $names = SdkHeaders::placeholders($service);
        foreach ($headers as [$name, $value]) {
            if (in_array(strtolower($name), $names, true) && self::isValue($service->id, trim($value))) {
                return true;
            }
        }
        $fields = SdkFields::filled($service, 'body_field');
        if ($fields === [] || !SdkFields::isForm($headers)) {
            return false;
        }
        foreach (explode('&', $body()) as $field) {
            $pair = array_map(urldecode(...), explode('=', $field, 2));
            if (in_array($pair[0], $fields, true) && ($pair[1] ?? '') === self::of($service->id)) {
                return true;
            }
        }
        return false;
    }

    /** Whether a value is the placeholder, has it behind a scheme ("Bearer "), or is a pair of Basic with it as a half. */
    private static function isValue(string $id, #[\SensitiveParameter] string $value): bool
    {
        $wanted = self::of($id);
        if ($value === $wanted || str_ends_with($value, ' ' . $wanted)) {
            return true;
        }
        if (strtolower(substr($value, 0, 6)) !== 'basic ') {
            return false;
        }
        $pair = (string) base64_decode(trim(substr($value, 6)), true);
        return str_starts_with($pair, $wanted . ':') || str_ends_with($pair, ':' . $wanted);
    }
}
