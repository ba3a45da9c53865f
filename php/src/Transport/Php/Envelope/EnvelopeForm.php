<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Envelope;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\JsonScanner;

/**
 * The outer form of an envelope: marker, base64, JSON object, and the form of its members. Nothing in it is secret.
 *
 * @internal
 */
final readonly class EnvelopeForm
{
    public const MARKER = 'nrv1:';

    /** The levels below the object that json_decode() accepts with nr-vault's depth of 8; scalars count as a level. */
    private const LEVELS = 6;

    private const TEXTS = ['encrypted_value', 'encrypted_dek', 'dek_nonce', 'value_nonce', 'encryption_algorithm'];

    private const FIELDS = [...self::TEXTS, 'encryption_version', 'value_checksum'];

    private function __construct(
        public Algorithm $algorithm,
        public string $keyNonce,
        public string $sealedKey,
        public string $valueNonce,
        public string $sealedValue,
    ) {
    }

    /**
     * @throws OutboundException credential.malformed, credential.unsupported
     */
    public static function parse(#[\SensitiveParameter] string $sealed): self
    {
        if (!str_starts_with($sealed, self::MARKER)) {
            throw self::malformed('the envelope does not start with nrv1:');
        }
        $document = base64_decode(substr($sealed, strlen(self::MARKER)), true);
        if ($document === false) {
            throw self::malformed('the envelope is not base64');
        }
        $fields = self::fields($document);

        // Types first, as nr-vault's codec does, before a value is looked at.
        foreach (self::TEXTS as $name) {
            if (!is_string($fields[$name] ?? null)) {
                throw self::malformed('a field of the envelope is missing or is not a string');
            }
        }
        $version = $fields['encryption_version'] ?? null;
        if (!is_int($version)) {
            throw self::malformed("the envelope's version is missing or is not an integer");
        }
        if (!is_string($fields['value_checksum'] ?? '')) {
            throw self::malformed("the envelope's checksum is not a string");
        }
        // Version 2 names its algorithm. In version 1 the length of the nonces tells it, and a name is ignored.
        $named = match ($version) {
            1 => null,
            2 => Algorithm::tryFrom($fields['encryption_algorithm'])
                ?? throw self::unsupported("the envelope's algorithm is not known"),
            default => throw self::unsupported("the envelope's version is neither 1 nor 2"),
        };

        $sealedValue = self::decode($fields['encrypted_value']);
        $sealedKey = self::decode($fields['encrypted_dek']);
        $keyNonce = self::decode($fields['dek_nonce']);
        $valueNonce = self::decode($fields['value_nonce']);
        $algorithm = $named ?? Algorithm::ofNonceBytes(strlen($keyNonce));
        $length = $algorithm?->nonceBytes();
        if ($algorithm === null || strlen($keyNonce) !== $length || strlen($valueNonce) !== $length) {
            throw self::malformed("a nonce of the envelope does not have its algorithm's length");
        }
        if (
            strlen($sealedKey) !== Algorithm::KEY_BYTES + Algorithm::TAG_BYTES
            || strlen($sealedValue) < Algorithm::TAG_BYTES
        ) {
            throw self::malformed('a ciphertext of the envelope has an impossible length');
        }
        return new self($algorithm, $keyNonce, $sealedKey, $valueNonce, $sealedValue);
    }

    /**
     * The object's values of known keys. If a key is duplicated, the last one counts; unknown keys are ignored.
     *
     * @return array<string, mixed> a float, an array and an object are all false
     */
    private static function fields(#[\SensitiveParameter] string $document): array
    {
        $fields = [];
        $isObject = (new JsonScanner($document, self::LEVELS))->members(
            self::FIELDS,
            static function (?string $name, int $offset, int $length) use (&$fields, $document): void {
                if ($name !== null) {
                    $json = substr($document, $offset, $length);
                    $value = json_decode($json, false, self::LEVELS + 2);
                    // "-0" is a float for the library.
                    $isInteger = is_int($value) && $json !== '-0';
                    $fields[$name] = $value === null || is_string($value) || $isInteger ? $value : false;
                }
            },
        );
        return $isObject ? $fields : throw self::malformed("the envelope's body is not a JSON object");
    }

    private static function decode(#[\SensitiveParameter] string $text): string
    {
        $bytes = base64_decode($text, true);
        return $bytes !== false ? $bytes : throw self::malformed('a field of the envelope is not base64');
    }

    private static function malformed(string $message): OutboundException
    {
        return OutboundException::create('credential.malformed', $message);
    }

    private static function unsupported(string $message): OutboundException
    {
        return OutboundException::create('credential.unsupported', $message);
    }
}
