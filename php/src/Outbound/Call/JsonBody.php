<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A body of JSON.
 *
 * @internal
 */
final class JsonBody
{
    private const FLAGS = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
        | JSON_PRESERVE_ZERO_FRACTION;

    /**
     * @throws OutboundException invalid_request.malformed
     */
    public static function encode(#[\SensitiveParameter] mixed $value): string
    {
        if (!is_array($value) && !is_object($value)) {
            throw OutboundException::malformed('the option json is no array and no object');
        }
        try {
            return self::written($value);
        } catch (\JsonException $failure) {
            // The message is one of PHP's fixed texts. The message of an exception that the value itself throws may contain
            // anything, and is not used.
            throw OutboundException::malformed('the option json cannot be encoded: ' . self::reason($failure->getCode()));
        } catch (\Throwable) {
            throw OutboundException::malformed('the option json cannot be encoded: its jsonSerialize() threw');
        }
    }

    /**
     * @throws \JsonException
     * @throws \Throwable whatever the value's own jsonSerialize() throws
     */
    private static function written(#[\SensitiveParameter] mixed $value): string
    {
        return json_encode($value, self::FLAGS);
    }

    private static function reason(int $code): string
    {
        return match ($code) {
            JSON_ERROR_UTF8 => 'a text is not UTF-8',
            JSON_ERROR_DEPTH => 'it is nested deeper than 512',
            JSON_ERROR_INF_OR_NAN => 'a number is infinite or none',
            JSON_ERROR_RECURSION => 'it contains itself',
            default => 'a value has no form in JSON',
        };
    }
}
