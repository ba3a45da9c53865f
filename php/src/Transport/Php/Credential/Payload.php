<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\DeclaredCredentials;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Reads the content of an envelope as the type that the request declares.
 *
 * The declaration is not sealed, so anyone who can write to the registry may have changed it. Therefore a payload with a type
 * must have the declared one, and a payload that has a binding, or the form of another type, is never sent as a plain secret.
 *
 * @internal
 */
final class Payload
{
    /** Type => names of the required keys, the secret first, and of the optional ones. */
    private const KEYS = [
        CredentialReference::BEARER => [['token'], []],
        CredentialReference::API_KEY => [['key'], ['header', 'prefix']],
        CredentialReference::BASIC => [['password', 'username'], []],
        CredentialReference::OAUTH2_CLIENT_CREDENTIALS => [
            ['client_id', 'token_url'],
            [
                'client_secret',
                'scopes',
                'audience',
                'resource',
                'client_auth',
                'token_type',
                'private_key',
                'alg',
                'kid',
                'x5t#S256',
                'assertion_audience',
                'lifetime',
                'certificate_chain',
                'tls_client_certificate_bound_access_tokens',
            ],
        ],
        CredentialReference::OAUTH2_JWT_BEARER => [
            ['private_key', 'alg', 'iss', 'token_url'],
            [
                'sub',
                'assertion_audience',
                'lifetime',
                'kid',
                'scopes',
                'target_audience',
                'claims',
                'fields',
                'token_type',
            ],
        ],
        CredentialReference::JWT => [
            ['private_key', 'alg'],
            ['iss', 'sub', 'aud', 'kid', 'lifetime', 'claims', 'exp', 'exchange'],
        ],
        CredentialReference::OAUTH2_REFRESH_TOKEN => [
            ['client_id', 'refresh_token', 'token_url'],
            [
                'client_secret',
                'client_auth',
                'scopes',
                'token_type',
                'private_key',
                'alg',
                'kid',
                'x5t#S256',
                'assertion_audience',
                'lifetime',
                'certificate_chain',
                'tls_client_certificate_bound_access_tokens',
            ],
        ],
        CredentialReference::AWS_SIGV4 => [
            ['access_key_id', 'secret_access_key', 'region', 'service'],
            ['session_token', 'unsigned_payload', 'in', 'lifetime', 'exchange'],
        ],
        CredentialReference::HMAC => [
            ['key', 'alg', 'template'],
            ['key_encoding', 'encoding', 'headers', 'query'],
        ],
        CredentialReference::MTLS => [['private_key', 'certificate_chain'], []],
        // A document of this type has "type" or "binding"; without them it is a plain secret.
        CredentialReference::SECRET => [['secret'], []],
    ];

    /** What makes a payload of a type, where it is more than the required keys. */
    private const WHOLE = [
        CredentialReference::OAUTH2_CLIENT_CREDENTIALS => [
            ['client_id', 'token_url', 'client_secret'],
            ['client_id', 'token_url', 'private_key', 'alg'],
        ],
    ];

    private const BINDING = ['hosts', 'methods', 'paths', 'expires_at'];

    /**
     * @param Secret $payload becomes the credential if its bytes are the secret, otherwise it is wiped
     * @throws OutboundException credential.payload_invalid, credential.unsupported, invalid_request.malformed
     */
    public static function read(
        CredentialReference $declared,
        #[\SensitiveParameter] Secret $payload,
    ): Credential {
        [$type, $placement] = [$declared->type, $declared->placement];
        $isKept = false;
        try {
            if ($type === CredentialReference::SECRET) {
                $placement ??= throw new \LogicException('a plain secret has a placement');
                $isKept = self::isPlain($payload->expose());
                if ($isKept) {
                    return new Credential($type, null, $payload, placement: $placement, identifier: $declared->identifier);
                }
            }
            $lacks = match (true) {
                $type === CredentialReference::JWT => 'sign tokens',
                in_array($type, CredentialReference::FETCHING, true) => 'fetch tokens',
                in_array($type, CredentialReference::SIGNING, true) => 'sign requests',
                $type === CredentialReference::MTLS => 'show client certificates',
                default => null,
            };
            if ($lacks !== null) {
                throw OutboundException::create(
                    'credential.unsupported',
                    $type . ' needs the library: this transport does not ' . $lacks,
                );
            }
            return self::parse($type, $payload->expose(), $placement, $declared->identifier);
        } catch (InvalidPayload) {
            // The exception is created below, so that this one is not in it.
        } finally {
            if (!$isKept) {
                $payload->wipe();
            }
        }
        throw OutboundException::create(
            'credential.payload_invalid',
            'the payload does not have the form of its type',
        );
    }

    /** @return list<string> the types of payloads that are documents */
    public static function types(): array
    {
        return array_keys(self::KEYS);
    }

    /**
     * Reads the document of a type whose value is put into the request itself.
     *
     * @throws InvalidPayload
     */
    public static function parse(
        string $type,
        #[\SensitiveParameter] string $document,
        ?Placement $placement = null,
        ?string $identifier = null,
    ): Credential {
        $places = self::fields($type, $document);
        $texts = [];
        foreach (array_merge(...self::KEYS[$type]) as $name) {
            if (isset($places[$name])) {
                $texts[$name] = self::text($document, $places, $name);
            }
        }
        $header = match (true) {
            isset($texts['header']) => HeaderRules::settable($texts['header']->expose())
                ?? throw new InvalidPayload('"header" is no name of a header, or that of one that no credential may fill'),
            $type === CredentialReference::API_KEY => HeaderRules::X_API_KEY,
            default => null,
        };
        return new Credential(
            $type,
            self::binding($document, $places),
            $texts[self::KEYS[$type][0][0]] ?? throw new InvalidPayload('"' . self::KEYS[$type][0][0] . '" is missing'),
            $texts['username'] ?? null,
            $header,
            $texts['prefix'] ?? null,
            $placement,
            $identifier,
        );
    }

    /**
     * The positions of the values in a document of this type, as offset and length. The document must have only keys of the type,
     * none of them twice, and all required ones; its "type", if there is one, must be this type.
     *
     * @return array<string, array{int, int}>
     * @throws InvalidPayload
     */
    public static function fields(string $type, #[\SensitiveParameter] string $document): array
    {
        [$needed, $optional] = self::KEYS[$type];
        $places = self::members($document, [...$needed, ...$optional, 'type', 'binding'], 'the payload');
        if (isset($places['type']) && self::text($document, $places, 'type')->expose() !== $type) {
            throw new InvalidPayload('its "type" is another');
        }
        foreach ($type === CredentialReference::SECRET ? [...$needed, 'type', 'binding'] : $needed as $name) {
            if (!isset($places[$name])) {
                throw new InvalidPayload('a payload of type ' . $type . ' needs "' . $name . '"');
            }
        }
        return $places;
    }

    /**
     * @param array<string, array{int, int}> $places
     * @throws InvalidPayload
     */
    public static function binding(#[\SensitiveParameter] string $document, array $places): ?BindingRules
    {
        if (!isset($places['binding'])) {
            return null;
        }
        $json = substr($document, ...$places['binding']);
        $places = self::members($json, self::BINDING, '"binding"');
        // "-0" is a float for the library, and zero for json_decode().
        if (isset($places['expires_at']) && substr($json, ...$places['expires_at']) === '-0') {
            throw new InvalidPayload('"binding.expires_at" is no time');
        }
        return BindingRules::read(json_decode($json));
    }

    /**
     * @param array<string, array{int, int}> $places
     * @throws InvalidPayload
     */
    public static function text(#[\SensitiveParameter] string $document, array $places, string $name): Secret
    {
        $text = JsonScanner::text($document, ...$places[$name]);
        return $text === null ? throw new InvalidPayload('"' . $name . '" is no text') : new Secret($text);
    }

    /**
     * The positions of an object's values; the object must have no other keys than these, and none of them twice.
     *
     * @param list<string> $names
     * @param string $what the object, for the message
     * @return array<string, array{int, int}>
     * @throws InvalidPayload
     */
    public static function members(#[\SensitiveParameter] string $document, array $names, string $what): array
    {
        $places = [];
        $isTwice = false;
        $isObject = (new JsonScanner($document))->members(
            $names,
            static function (?string $name, int $offset, int $length) use (&$places, &$isTwice): void {
                $isTwice = $isTwice || isset($places[(string) $name]);
                $places[(string) $name] = [$offset, $length];
            },
        );
        return match (true) {
            !$isObject => throw new InvalidPayload($what . ' is no JSON object'),
            isset($places['']) => throw new InvalidPayload($what . ' has a key that is not one of ' . implode(', ', $names)),
            $isTwice => throw new InvalidPayload('a key occurs twice in ' . $what),
            default => $places,
        };
    }

    /**
     * Whether bytes are a plain secret, and not a document of another type or with a binding. A document with an unknown "type",
     * such as a vendor's key file, is a plain secret unless it has the key "binding".
     */
    public static function isPlain(#[\SensitiveParameter] string $payload): bool
    {
        $found = [];
        $types = [];
        $isObject = (new JsonScanner($payload))->members(
            ['binding', 'type', ...array_merge(...array_column(self::KEYS, 0), ...array_merge(...array_values(self::WHOLE)))],
            static function (?string $name, int $offset, int $length) use (&$found, &$types, $payload): void {
                $found[] = $name;
                $types[] = $name === 'type' ? JsonScanner::text($payload, $offset, $length) : null;
            },
        );
        // A value that is not a JSON object is not accepted as one of the types either.
        if (!$isObject || in_array('binding', $found, true)) {
            return !$isObject;
        }
        $types = array_filter($types, is_string(...));
        $isForeign = array_diff($types, [CredentialReference::SECRET]) !== [];
        foreach (self::KEYS as $type => [$needed]) {
            $isNamed = in_array($type, $types, true);
            $isWhole = false;
            foreach (self::WHOLE[$type] ?? [$needed] as $keys) {
                $isWhole = $isWhole || array_diff($keys, $found) === [];
            }
            if ($type === CredentialReference::SECRET ? $isNamed && $isWhole : $isNamed || !$isForeign && $isWhole) {
                return false;
            }
        }
        return true;
    }
}
