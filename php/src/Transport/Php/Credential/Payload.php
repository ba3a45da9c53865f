<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\JsonScanner;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;
use Netresearch\NrVault\Transport\Php\Secret;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Reads what an envelope held as the type that the request declares.
 *
 * The declaration is not sealed and may have been changed by whoever can write it, so a payload that says what it is must
 * agree, and a payload that is bound is never sent as a plain secret, binding and all.
 *
 * @internal
 */
final class Payload
{
    /** Type => names of its keys, the secret first. All but "header" and "prefix" are needed. */
    private const KEYS = [
        SealedCredential::BEARER => ['token'],
        SealedCredential::API_KEY => ['key', 'header', 'prefix'],
        SealedCredential::BASIC => ['password', 'username'],
    ];

    private const OPTIONAL = ['header', 'prefix'];

    private const BINDING = ['hosts', 'methods', 'paths', 'expires_at'];

    /**
     * @param Secret $payload becomes the credential where that is its bytes, else it is wiped
     * @throws OutboundException credential.payload_invalid, credential.unsupported, invalid_request.malformed
     */
    public static function read(
        string $type,
        ?Placement $placement,
        #[\SensitiveParameter] Secret $payload,
    ): Credential {
        $isInvalid = false;
        try {
            if ($type === SealedCredential::SECRET) {
                $placement ??= throw Placements::misplaced();
                $bound = self::boundSecret($payload->expose());
                if ($bound === null) {
                    return new Credential($type, null, $payload, placement: $placement);
                }
                $payload->wipe();
                return new Credential($type, $bound[1], $bound[0], placement: $placement);
            }
            if (!isset(self::KEYS[$type])) {
                throw OutboundException::create(
                    'credential.unsupported',
                    'oauth2_client_credentials needs the library: this transport does not fetch tokens',
                );
            }
            return self::typed($type, $payload->expose());
        } catch (InvalidPayload) {
            $isInvalid = true;
        } finally {
            if ($isInvalid || $type !== SealedCredential::SECRET) {
                $payload->wipe();
            }
        }
        // Made here, where no other exception is in its trace.
        throw OutboundException::create(
            'credential.payload_invalid',
            "the credential's payload does not have its type's form",
        );
    }

    /**
     * The places of an object's values, offset and length; the object has no other keys than these, and none of them
     * twice.
     *
     * @param list<string> $names
     * @return array<string, array{int, int}>
     * @throws InvalidPayload
     */
    public static function members(#[\SensitiveParameter] string $document, array $names): array
    {
        $places = [];
        $isClean = true;
        $isObject = (new JsonScanner($document))->members(
            $names,
            static function (?string $name, int $offset, int $length) use (&$places, &$isClean): void {
                $isClean = $isClean && $name !== null && !isset($places[$name]);
                $places[(string) $name] = [$offset, $length];
            },
        );
        return $isObject && $isClean ? $places : throw new InvalidPayload();
    }

    private static function typed(string $type, #[\SensitiveParameter] string $document): Credential
    {
        $names = self::KEYS[$type];
        $places = self::members($document, [...$names, 'type', 'binding']);
        if (isset($places['type']) && self::text($document, $places['type'])->expose() !== $type) {
            throw new InvalidPayload();
        }
        $texts = [];
        foreach ($names as $name) {
            if (isset($places[$name])) {
                $texts[$name] = self::text($document, $places[$name]);
            } elseif (!in_array($name, self::OPTIONAL, true)) {
                throw new InvalidPayload();
            }
        }
        $header = match (true) {
            isset($texts['header']) => HeaderRules::settable($texts['header']->expose()) ?? throw new InvalidPayload(),
            $type === SealedCredential::API_KEY => HeaderField::X_API_KEY,
            default => null,
        };
        return new Credential(
            $type,
            isset($places['binding']) ? self::binding(substr($document, ...$places['binding'])) : null,
            $texts[$names[0]],
            $texts['username'] ?? null,
            $header,
            $texts['prefix'] ?? null,
        );
    }

    private static function binding(#[\SensitiveParameter] string $json): BindingRules
    {
        $places = self::members($json, self::BINDING);
        // A float to the library, and zero to json_decode().
        if (isset($places['expires_at']) && substr($json, ...$places['expires_at']) === '-0') {
            throw new InvalidPayload();
        }
        return BindingRules::read(json_decode($json)) ?? throw new InvalidPayload();
    }

    /**
     * @param array{int, int} $place
     */
    private static function text(#[\SensitiveParameter] string $document, array $place): Secret
    {
        $text = JsonScanner::text($document, ...$place);
        return $text === null ? throw new InvalidPayload() : new Secret($text);
    }

    /**
     * Reads a secret that is sealed with its binding, {"type": "secret", "secret": …, "binding": …}. Another type's document,
     * or one that is bound or typed in another way, is refused.
     *
     * @return array{Secret, BindingRules}|null null for bytes that are the secret themselves
     */
    private static function boundSecret(#[\SensitiveParameter] string $payload): ?array
    {
        $seen = [];
        $isObject = (new JsonScanner($payload))->members(
            ['binding', 'type', 'secret'],
            static function (?string $name, int $offset, int $length) use (&$seen, $payload): void {
                $type = $name === 'type' ? JsonScanner::text($payload, $offset, $length) : null;
                $seen[match (true) {
                    $name === 'binding', self::isOurs($type) => 'typed',
                    $type === SealedCredential::SECRET => 'says secret',
                    $name === 'secret' => 'has secret',
                    default => '',
                }] = true;
            },
        );
        // What is no JSON object was never accepted as one of the types either.
        if (!$isObject || !isset($seen['typed']) && !isset($seen['says secret'], $seen['has secret'])) {
            return null;
        }
        $places = self::members($payload, ['secret', 'type', 'binding']);
        if (count($places) !== 3 || JsonScanner::text($payload, ...$places['type']) !== SealedCredential::SECRET) {
            throw new InvalidPayload();
        }
        $binding = self::binding(substr($payload, ...$places['binding']));
        return [self::text($payload, $places['secret']), $binding];
    }

    private static function isOurs(#[\SensitiveParameter] ?string $type): bool
    {
        return $type === SealedCredential::OAUTH2_CLIENT_CREDENTIALS || isset(self::KEYS[(string) $type]);
    }
}
