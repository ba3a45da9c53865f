<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * A body that a field can be put into.
 *
 * @internal
 */
enum BodyKind
{
    private const BLANK = " \t\r\n";

    /** The library writes strings in the same way: only characters that must be escaped are escaped. */
    private const JSON = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS;

    case Json;
    case Form;

    /**
     * The kind for the Content-Type, if there is exactly one such field and no Content-Encoding.
     *
     * @param list<array{string, string}> $headers
     */
    public static function of(#[\SensitiveParameter] array $headers): ?self
    {
        $types = [];
        foreach ($headers as [$name, $value]) {
            $name = strtolower($name);
            if ($name === 'content-encoding') {
                return null;
            }
            if ($name === 'content-type') {
                $types[] = trim($value, " \t");
            }
        }
        if (count($types) !== 1 || preg_match('/[^\t\x20-\x7E]/', $types[0]) !== 0) {
            return null;
        }
        $mediaType = strtolower(trim(explode(';', $types[0])[0], " \t"));
        return match (true) {
            $mediaType === 'application/json' => self::Json,
            $mediaType === 'application/x-www-form-urlencoded' => self::Form,
            str_ends_with(explode('/', $mediaType, 2)[1] ?? '', '+json') => self::Json,
            default => null,
        };
    }

    /**
     * The same for the headers of a request whose body gets a field.
     *
     * @param list<array{string, string}> $headers
     * @throws OutboundException invalid_request.malformed
     */
    public static function demand(#[\SensitiveParameter] array $headers): self
    {
        return self::of($headers) ?? throw OutboundException::malformed(
            'a body field needs one content-type, of JSON or of a URL-encoded form, and no coding',
        );
    }

    /**
     * Refuses a body that the declared fields cannot be put into.
     *
     * @param list<CredentialReference> $references
     * @param list<array{string, string}> $headers
     * @throws OutboundException invalid_request.malformed
     */
    public static function check(
        array $references,
        #[\SensitiveParameter] array $headers,
        #[\SensitiveParameter] string $body,
    ): void {
        foreach ($references as $reference) {
            if ($reference->placement?->type === 'body_field' && !self::demand($headers)->accepts($body)) {
                throw OutboundException::malformed('the body is not a JSON object');
            }
        }
    }

    /**
     * Refuses fields for a body that is read in pieces.
     *
     * @param list<CredentialReference> $references
     * @throws OutboundException credential.placement_conflict
     */
    public static function checkSource(array $references): void
    {
        foreach ($references as $reference) {
            if ($reference->placement?->type === 'body_field') {
                throw OutboundException::create(
                    'credential.placement_conflict',
                    'the credential "' . $reference->identifier . '" is put into the body, which is read in pieces while it is '
                        . 'sent: give the body as a text',
                );
            }
        }
    }

    /** Whether a field can be put into this body. */
    public function accepts(#[\SensitiveParameter] string $body): bool
    {
        return $this === self::Form || self::isBlank($body) || self::object($body, []) !== null;
    }

    /** Whether the body has a field of this name. */
    public function hasField(#[\SensitiveParameter] string $body, string $name): bool
    {
        return match ($this) {
            self::Json => self::object($body, [$name])['hasName'] ?? false,
            self::Form => FormPairs::hasName($body, $name),
        };
    }

    /**
     * The body with these fields after its own; no other byte changes.
     *
     * @param list<array{string, Secret}> $fields names and values
     * @throws OutboundException credential.unusable, invalid_request.malformed
     */
    public function withFields(
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] array $fields,
    ): Secret {
        return match ($this) {
            self::Json => self::splice($body, $fields),
            self::Form => FormPairs::append($body, $fields),
        };
    }

    /**
     * The needed properties of a JSON object; null for anything else.
     *
     * @param list<string> $names
     * @return array{isEmpty: bool, hasName: bool}|null
     */
    private static function object(#[\SensitiveParameter] string $body, array $names): ?array
    {
        $found = ['isEmpty' => true, 'hasName' => false];
        $isObject = (new JsonScanner($body))->members($names, static function (?string $name) use (&$found): void {
            $found = ['isEmpty' => false, 'hasName' => $found['hasName'] || $name !== null];
        });
        return $isObject ? $found : null;
    }

    private static function isBlank(#[\SensitiveParameter] string $body): bool
    {
        return strspn($body, self::BLANK) === strlen($body);
    }

    /**
     * @param list<array{string, Secret}> $fields
     */
    private static function splice(
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] array $fields,
    ): Secret {
        if (self::isBlank($body)) {
            $body = '{}';
        }
        $object = self::object($body, []) ?? throw OutboundException::malformed('the body is not a JSON object');
        // The fields go after the last member, before the closing brace of the object.
        $brace = (int) strrpos($body, '}');
        $written = '';
        foreach ($fields as [$name, $secret]) {
            $value = json_encode($secret->expose(), self::JSON);
            if ($value === false) {
                Secret::wipeString($written);
                throw OutboundException::create(
                    'credential.unusable',
                    "the secret for the body's field is not UTF-8, which JSON is",
                );
            }
            $comma = $object['isEmpty'] && $written === '' ? '' : ',';
            $longer = $written . $comma . json_encode($name, self::JSON) . ':' . $value;
            Secret::wipeString($value);
            Secret::wipeString($written);
            $written = $longer;
        }
        $spliced = substr($body, 0, $brace) . $written . substr($body, $brace);
        Secret::wipeString($written);
        return new Secret($spliced);
    }
}
