<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * What is special in the payload of an OAuth client: its name, its password or key, and whom its token is for.
 *
 * @internal
 */
final class ClientPayload
{
    public const PRIVATE_KEY_JWT = 'private_key_jwt';

    /** A client that cannot keep a secret. */
    public const NONE = 'none';

    /** RFC 8705. Which of both it is, only the token endpoint has to know. */
    public const BY_CERTIFICATE = ['tls_client_auth', 'self_signed_tls_client_auth'];

    private const BOUND_TOKENS = 'tls_client_certificate_bound_access_tokens';

    private const OF_CERTIFICATE = ['certificate_chain', self::BOUND_TOKENS];

    private const OF_KEY = ['private_key', 'alg', 'kid', 'x5t#S256', 'assertion_audience', 'lifetime'];

    /** Seconds that an assertion may be valid. */
    private const LONGEST = 300;

    /**
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @param \Closure(string, mixed): mixed $value the decoded value of a key, or the default
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document, array $places, \Closure $value): void
    {
        $type = CredentialReference::OAUTH2_CLIENT_CREDENTIALS;
        self::authentication($type, $document, $places, $value, ['body', 'basic', self::PRIVATE_KEY_JWT, ...self::BY_CERTIFICATE]);
        $resource = $value('resource', []);
        if (!TokenPayload::isText($resource) && !TokenPayload::isListOf($resource, TokenPayload::isText(...))) {
            throw new InvalidPayload('"resource" is neither a text nor a list of texts, or one of them is empty');
        }
        if (!TokenPayload::isText($value('audience', 'any'))) {
            throw new InvalidPayload('"audience" is empty or no text');
        }
    }

    /**
     * How a client shows the token endpoint who it is.
     *
     * @param array<string, array{int, int}> $places
     * @param \Closure(string, mixed): mixed $value
     * @param list<string> $known the forms that this type has
     * @throws InvalidPayload
     */
    public static function authentication(
        string $type,
        #[\SensitiveParameter] string $document,
        array $places,
        \Closure $value,
        array $known,
    ): void {
        $auth = PayloadValues::oneOf('client_auth', $value('client_auth', 'body'), $known);
        $isByCertificate = in_array($auth, self::BY_CERTIFICATE, true);
        // Without its own, it is that of another credential of the service.
        $hasOwn = $isByCertificate && (isset($places['private_key']) || isset($places['certificate_chain']));
        [$needed, $others] = match (true) {
            $auth === self::PRIVATE_KEY_JWT => [['private_key', 'alg'], ['client_secret', ...self::OF_CERTIFICATE]],
            $auth === self::NONE => [[], ['client_secret', ...self::OF_KEY, ...self::OF_CERTIFICATE]],
            $hasOwn => [['private_key', 'certificate_chain'], ['client_secret', ...array_diff(self::OF_KEY, ['private_key'])]],
            $isByCertificate => [[], ['client_secret', self::BOUND_TOKENS, ...self::OF_KEY]],
            default => [['client_secret'], [...self::OF_KEY, ...self::OF_CERTIFICATE]],
        };
        $needed = ['client_id', ...$needed];
        foreach ($needed as $name) {
            if (!isset($places[$name])) {
                throw new InvalidPayload('a payload of type ' . $type . ' needs "' . $name . '"');
            }
            if (Payload::text($document, $places, $name)->expose() === '') {
                throw new InvalidPayload('"' . $name . '" is empty');
            }
        }
        foreach ($others as $name) {
            if (isset($places[$name])) {
                throw new InvalidPayload('"' . $name . '" does not go with this "client_auth"');
            }
        }
        if ($auth === self::PRIVATE_KEY_JWT) {
            SigningPayload::check($document, $places, $value, ['PS256', 'ES256', 'RS256'], 1, self::LONGEST);
        }
        if ($hasOwn) {
            MtlsPayload::chain($document, $places);
            if (!is_bool($value(self::BOUND_TOKENS, false))) {
                throw new InvalidPayload('"' . self::BOUND_TOKENS . '" is true or false');
            }
        }
    }
}
