<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Wire;

/**
 * The options of a call, checked. One that is null counts as absent.
 *
 * @internal
 */
final readonly class CallOptions
{
    private const NAMES = ['query', 'headers', 'json', 'body', 'timeout', 'idempotencyKey', 'correlationId'];

    private const JSON = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
        | JSON_PRESERVE_ZERO_FRACTION;

    /** A day, as the ceiling of the library's configuration. */
    private const MAX_TIMEOUT = 86400;

    /** Like the library's: a value that is none is refused before it could reach a log. */
    private const CORRELATION_ID = '/\A[A-Za-z0-9._:-]{1,128}\z/';

    /**
     * @param list<array{string, string}> $query
     * @param list<array{string, string}> $headers
     */
    private function __construct(
        #[\SensitiveParameter] public array $query,
        #[\SensitiveParameter] public array $headers,
        #[\SensitiveParameter] public string $body,
        public bool $isJson,
        public ?int $timeoutMs,
        #[\SensitiveParameter] public ?string $idempotencyKey,
    ) {
    }

    /**
     * @param array<mixed> $options
     * @throws OutboundException invalid_request.malformed
     */
    public static function read(#[\SensitiveParameter] array $options): self
    {
        if (array_diff_key($options, array_flip(self::NAMES)) !== []) {
            throw Wire::malformed('The call has an unknown option. Known are ' . implode(', ', self::NAMES) . '.');
        }
        if (isset($options['json'], $options['body'])) {
            throw Wire::malformed('The call has both json and body.');
        }
        $headers = self::headers($options['headers'] ?? []);
        $body = $options['body'] ?? '';
        if (isset($options['json'])) {
            $body = self::json($options['json']);
        }
        if (!is_string($body)) {
            throw Wire::malformed('The option body is no string.');
        }
        $key = $options['idempotencyKey'] ?? null;
        if ($key !== null && !is_string($key)) {
            throw Wire::malformed('The option idempotencyKey is no string.');
        }
        if (isset($options['correlationId']) && self::correlationId($options) === null) {
            throw Wire::malformed('The option correlationId is not 1 to 128 of A-Z a-z 0-9 . _ : -');
        }
        return new self(
            self::query($options['query'] ?? []),
            $headers,
            $body,
            isset($options['json']),
            self::timeout($options['timeout'] ?? null),
            $key,
        );
    }

    /**
     * The correlation id that was handed in, if it has the form of one.
     *
     * @param array<mixed> $options
     */
    public static function correlationId(#[\SensitiveParameter] array $options): ?string
    {
        $id = $options['correlationId'] ?? null;
        return is_string($id) && preg_match(self::CORRELATION_ID, $id) === 1 ? $id : null;
    }

    /**
     * @return list<array{string, string}>
     */
    private static function query(#[\SensitiveParameter] mixed $query): array
    {
        if (!is_array($query)) {
            throw Wire::malformed('The option query is no array.');
        }
        if (array_is_list($query)) {
            return Wire::isPairs($query) ? $query : throw Wire::malformed('The query is a list, but not of pairs.');
        }
        // http_build_query knows how nested arrays, booleans and nulls look; the library encodes again, the same way.
        $pairs = [];
        foreach (array_filter(explode('&', http_build_query($query, '', '&', PHP_QUERY_RFC3986))) as $pair) {
            $pairs[] = array_map(rawurldecode(...), explode('=', $pair, 2));
        }
        return $pairs;
    }

    /**
     * @return list<array{string, string}>
     */
    private static function headers(#[\SensitiveParameter] mixed $headers): array
    {
        if (!is_array($headers)) {
            throw Wire::malformed('The option headers is no array.');
        }
        if (array_is_list($headers)) {
            return Wire::isPairs($headers) ? $headers : throw Wire::malformed('The headers are a list, not of pairs.');
        }
        $pairs = [];
        foreach ($headers as $name => $values) {
            foreach (is_array($values) ? $values : [$values] as $value) {
                if (!is_string($value) && !is_int($value)) {
                    throw Wire::malformed('The value of a header is no string.');
                }
                $pairs[] = [(string) $name, (string) $value];
            }
        }
        return $pairs;
    }

    private static function json(#[\SensitiveParameter] mixed $value): string
    {
        if (!is_array($value) && !is_object($value)) {
            throw Wire::malformed('The option json is no array and no object.');
        }
        try {
            return json_encode($value, self::JSON);
        } catch (\JsonException $failure) {
            // The message is one of PHP's fixed texts. An exception of the value's own is not: it goes to nobody.
            throw Wire::malformed('The option json cannot be encoded: ' . self::jsonError($failure->getCode()));
        } catch (\Throwable) {
            throw Wire::malformed('The option json cannot be encoded: its jsonSerialize() threw.');
        }
    }

    private static function jsonError(int $code): string
    {
        return match ($code) {
            JSON_ERROR_UTF8 => 'a text is not UTF-8.',
            JSON_ERROR_DEPTH => 'it is nested deeper than 512.',
            JSON_ERROR_INF_OR_NAN => 'a number is infinite or none.',
            JSON_ERROR_RECURSION => 'it contains itself.',
            default => 'a value has no form in JSON.',
        };
    }

    private static function timeout(mixed $seconds): ?int
    {
        if ($seconds === null) {
            return null;
        }
        if ((!is_int($seconds) && !is_float($seconds)) || is_nan($seconds) || $seconds <= 0) {
            throw Wire::malformed('The option timeout is no number of seconds above 0.');
        }
        return (int) ceil(min($seconds, self::MAX_TIMEOUT) * 1000);
    }
}
