<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * What is special in the payload of an OAuth client: its name, its password and whom its token is for.
 *
 * @internal
 */
final class ClientPayload
{
    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document, array $places, \Closure $value): void
    {
        foreach (['client_id', 'client_secret'] as $name) {
            if (Payload::text($document, $places, $name)->expose() === '') {
                throw new InvalidPayload('"' . $name . '" is empty');
            }
        }
        $resource = $value('resource', []);
        if (!TokenPayload::isText($resource) && !TokenPayload::isListOf($resource, TokenPayload::isText(...))) {
            throw new InvalidPayload('"resource" is neither a text nor a list of texts, or one of them is empty');
        }
        if (!TokenPayload::isText($value('audience', 'any'))) {
            throw new InvalidPayload('"audience" is empty or no text');
        }
        if (!in_array($value('client_auth', 'body'), ['body', 'basic'], true)) {
            throw new InvalidPayload('"client_auth" is body or basic');
        }
    }
}
