<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * What is special in the payload of a signed assertion: what it says, and what else goes into the form.
 *
 * @internal
 */
final class AssertionPayload
{
    /** Seconds that an assertion may be valid. */
    private const LONGEST = 3600;

    /** Claims with keys of their own in the payload, and those that are the library's. */
    private const OWN_CLAIMS = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti', 'target_audience'];

    /** Form fields that the token request has by itself. */
    private const OWN_FIELDS = ['grant_type', 'assertion', 'scope'];

    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document, array $places, \Closure $value): void
    {
        foreach (['iss', 'sub', 'target_audience'] as $name) {
            if (!TokenPayload::isText($value($name, 'any'))) {
                throw new InvalidPayload('"' . $name . '" is empty or no text');
            }
        }
        SigningPayload::check($document, $places, $value, ['RS256', 'ES256'], 1, self::LONGEST);
        SigningPayload::checkAdded($document, $places, 'claims', self::OWN_CLAIMS, false);
        SigningPayload::checkAdded($document, $places, 'fields', self::OWN_FIELDS, true);
    }
}
