<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * The JSON of the wire documents, and the bytes of header values in it.
 *
 * A header value is a string of bytes. On the wire each byte is the code point of the same number, U+0000 to U+00FF, so
 * that any value passes through JSON unchanged, in both directions.
 *
 * @internal
 */
final class Wire
{
    public const VERSION = 1;

    /** The limits.request_bytes of a configuration that has none. */
    public const REQUEST_BYTES = 32 << 20;

    private const FLAGS = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;

    /**
     * @param array<mixed> $document
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public static function encode(#[\SensitiveParameter] array $document): string
    {
        try {
            return json_encode($document, self::FLAGS);
        } catch (\JsonException) {
            throw OutboundException::malformed('the request holds text that is not UTF-8');
        }
    }

    /**
     * @return array<mixed>|null null for what is not a JSON object or array
     */
    public static function decode(#[\SensitiveParameter] string $json): ?array
    {
        $document = json_decode($json, true);
        return is_array($document) ? $document : null;
    }

    /**
     * @return array<string, mixed>|null null for what is not a JSON object; json_last_error_msg() says why it is no JSON
     */
    public static function object(#[\SensitiveParameter] string $json): ?array
    {
        if (!json_decode($json) instanceof \stdClass) {
            return null;
        }
        $document = [];
        foreach (self::decode($json) ?? [] as $name => $value) {
            // PHP turns a name that looks like an integer into one.
            $document[(string) $name] = $value;
        }
        return $document;
    }

    /** Bytes to code points up to U+00FF, as UTF-8. */
    public static function bytesToText(#[\SensitiveParameter] string $bytes): string
    {
        if (preg_match('/[\x80-\xFF]/', $bytes) === 0) {
            return $bytes;
        }
        return (string) preg_replace_callback(
            '/[\x80-\xFF]/',
            static fn (array $m): string => chr(0xC0 | ord($m[0]) >> 6) . chr(0x80 | ord($m[0]) & 0x3F),
            $bytes,
        );
    }

    /**
     * The reverse of bytesToText().
     *
     * @return string|null null if a code point lies above U+00FF
     */
    public static function textToBytes(string $text): ?string
    {
        if (preg_match('/[\x80-\xFF]/', $text) === 0) {
            return $text;
        }
        if (preg_match('/[\xC0\xC1\xC4-\xFF]/', $text) !== 0) {
            return null;
        }
        return preg_replace_callback(
            '/([\xC2\xC3])([\x80-\xBF])/',
            static fn (array $m): string => chr((ord($m[1]) & 0x03) << 6 | ord($m[2]) & 0x3F),
            $text,
        );
    }

    /**
     * Headers of a wire document, their values as bytes.
     *
     * @return list<array{string, string}>|null null if they are not pairs of strings of code points up to U+00FF
     */
    public static function headersFromWire(mixed $pairs): ?array
    {
        $texts = Pairs::read($pairs);
        if ($texts === null) {
            return null;
        }
        $headers = [];
        foreach ($texts as [$name, $text]) {
            $value = self::textToBytes($text);
            if ($value === null) {
                return null;
            }
            $headers[] = [$name, $value];
        }
        return $headers;
    }
}
