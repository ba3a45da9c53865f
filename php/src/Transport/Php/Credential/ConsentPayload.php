<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * What is special in the payload of a refresh token: the token, and the client that was given it.
 *
 * @internal
 */
final class ConsentPayload
{
    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document, array $places, \Closure $value): void
    {
        $type = CredentialReference::OAUTH2_REFRESH_TOKEN;
        $known = ['body', 'basic', ClientPayload::PRIVATE_KEY_JWT, ...ClientPayload::BY_CERTIFICATE, ClientPayload::NONE];
        PayloadValues::demandHosts($document, $places, 'of type ' . $type);
        ClientPayload::authentication($type, $document, $places, $value, $known);
        if (Payload::text($document, $places, 'refresh_token')->expose() === '') {
            throw new InvalidPayload('"refresh_token" is empty');
        }
    }
}
