<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The payload of a keyed hash: a key, the template that is signed, and the places that are filled. Only the library signs. A
 * payload that it would refuse must not be sealed, so it is checked here as well.
 *
 * @internal
 */
final class HmacPayload
{
    /** Bytes of a key at least. */
    private const SHORTEST_KEY = 16;

    private const ALGORITHMS = ['sha1', 'sha256', 'sha384', 'sha512'];

    private const ENCODINGS = ['hex', 'base64', 'base64url', 'base64url_unpadded'];

    /** Form of a key => what its text looks like. */
    private const KEY_FORMS = [
        'text' => '/\A/',
        'hex' => '/\A(?:[0-9A-Fa-f]{2})*\z/',
        'base64' => '~\A(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?\z~',
        'base64url' => '/\A(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?\z/',
    ];

    /** What stands between the braces of a part. */
    private const PART = '/\A(?:method|host|path|query|target|url|id|nonce|signature|time(?::(?:ms|rfc3339|http))?'
        . '|body(?::(?:sha1|sha256|sha384|sha512):(?:hex|base64|base64url|base64url_unpadded))?|header:(?<name>.+))\z/s';

    /**
     * @return BindingRules|null its binding
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document): ?BindingRules
    {
        $places = Payload::fields(CredentialReference::HMAC, $document);
        $value = PayloadValues::of($document, $places);
        PayloadValues::oneOf('alg', $value('alg', null), self::ALGORITHMS);
        PayloadValues::oneOf('encoding', $value('encoding', 'hex'), self::ENCODINGS);
        $form = PayloadValues::oneOf('key_encoding', $value('key_encoding', 'text'), array_keys(self::KEY_FORMS));
        self::checkKey(Payload::text($document, $places, 'key'), $form);
        $parts = self::parts($value('template', null), 'template');
        if (array_diff($parts, ['']) === [] || in_array('signature', $parts, true)) {
            throw new InvalidPayload('"template" has no part of a request in braces, or has the signature');
        }
        $isPlaced = false;
        foreach (['headers', 'query'] as $name) {
            if (isset($places[$name])) {
                $isPlaced = self::checkPlaces($name, substr($document, ...$places[$name])) || $isPlaced;
            }
        }
        if (!$isPlaced) {
            throw new InvalidPayload('"headers" and "query" have no "{signature}"');
        }
        PayloadValues::demandHosts($document, $places, 'that signs');
        return Payload::binding($document, $places);
    }

    private static function checkKey(#[\SensitiveParameter] Secret $key, string $form): void
    {
        $text = $key->expose();
        $length = match ($form) {
            'text' => strlen($text),
            'hex' => intdiv(strlen($text), 2),
            default => intdiv(strlen(rtrim($text, '=')) * 3, 4),
        };
        $isWritten = preg_match(self::KEY_FORMS[$form], $text) === 1;
        $key->wipe();
        if (!$isWritten) {
            throw new InvalidPayload('"key" is not written as "key_encoding" says');
        }
        if ($length < self::SHORTEST_KEY) {
            throw new InvalidPayload('"key" has fewer than ' . self::SHORTEST_KEY . ' bytes, and could be guessed');
        }
    }

    /**
     * The parts of a template, and "" for the text between them.
     *
     * @return list<string>
     * @throws InvalidPayload
     */
    private static function parts(mixed $template, string $name): array
    {
        return array_map(static fn (array $piece): string => $piece[0] ? $piece[1] : '', self::pieces($template, $name));
    }

    /**
     * A template as its parts, and the text between them.
     *
     * @return list<array{bool, string}> whether it is a part, and what stands between its braces, or the text
     * @throws InvalidPayload
     */
    public static function pieces(mixed $template, string $name): array
    {
        if (!is_string($template)) {
            throw new InvalidPayload('"' . $name . '" has a template that is no text');
        }
        $pieces = [];
        preg_match_all('/\{\{|\}\}|\{([^}]*)\}|[{}]|[^{}]+/s', $template, $found, PREG_SET_ORDER);
        foreach ($found as $match) {
            $isPart = isset($match[1]);
            $isStray = !$isPart && in_array($match[0], ['{', '}'], true);
            $isKnown = $isPart && preg_match(self::PART, $match[1], $part) === 1;
            if ($isStray || $isPart && !$isKnown) {
                throw new InvalidPayload('"' . $name . '" has a brace that is no part of a request; one that is none is written twice');
            }
            if ($isPart && isset($part['name']) && HeaderRules::settable($part['name']) === null) {
                throw new InvalidPayload('"' . $name . '" has a header that is none, or that belongs to the connection');
            }
            $pieces[] = [$isPart, $isPart ? $match[1] : str_replace(['{{', '}}'], ['{', '}'], $match[0])];
        }
        return $pieces;
    }

    /**
     * @return bool whether the signature is placed here
     * @throws InvalidPayload
     */
    private static function checkPlaces(string $kind, #[\SensitiveParameter] string $json): bool
    {
        $templates = json_decode($json, true);
        $count = 0;
        $isObject = (new JsonScanner($json))->members([], static function () use (&$count): void {
            $count++;
        });
        if (!$isObject || !is_array($templates)) {
            throw new InvalidPayload('"' . $kind . '" is no JSON object');
        }
        $names = [];
        $isPlaced = false;
        foreach ($templates as $name => $template) {
            $name = (string) $name;
            $names[] = $kind === 'headers' ? HeaderRules::settable($name) : ($name === '' ? null : $name);
            $parts = self::parts($template, $kind);
            if ($parts === []) {
                throw new InvalidPayload('"' . $kind . '" has a template that is empty');
            }
            $isPlaced = $isPlaced || in_array('signature', $parts, true);
        }
        if (in_array(null, $names, true)) {
            throw new InvalidPayload('"' . $kind . '" has a name that is none, or that no credential may fill');
        }
        // json_decode() keeps the last of two.
        if ($count !== count(array_unique($names))) {
            throw new InvalidPayload('"' . $kind . '" has a name twice');
        }
        return $isPlaced;
    }
}
