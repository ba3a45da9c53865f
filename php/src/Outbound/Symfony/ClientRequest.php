<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Netresearch\NrVault\Outbound\Call\FormFields;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\Target;

/**
 * One request, with what the options say about it, and the next one after a redirect.
 *
 * @internal
 */
final readonly class ClientRequest
{
    private const JSON = JSON_HEX_TAG | JSON_HEX_APOS | JSON_HEX_AMP | JSON_HEX_QUOT | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR;

    /**
     * @param list<array{string, string}> $headers
     */
    private function __construct(
        public string $method,
        #[\SensitiveParameter] private Target $target,
        #[\SensitiveParameter] public array $headers,
        #[\SensitiveParameter] public string $body,
    ) {
    }

    /**
     * @param array<mixed> $options
     * @throws InvalidOption
     * @throws TransportFailure if the source of the body fails
     */
    public static function of(string $method, #[\SensitiveParameter] string $url, #[\SensitiveParameter] array $options): self
    {
        $headers = self::headers($options['headers'] ?? []);
        foreach (self::auth($options) as $field) {
            $headers = self::withDefault($headers, ...$field);
        }
        [$body, $type] = self::body($options);
        if ($type !== null) {
            $headers = self::withDefault($headers, 'Content-Type', $type);
        }
        return new self($method, self::target($url, $options), self::sendable($headers, strlen($body)), $body);
    }

    /** The absolute URL, without a fragment. */
    public function url(): string
    {
        return $this->target->text($this->target->query);
    }

    public function host(): string
    {
        return $this->target->origin->host->text;
    }

    /** Whether both have the same scheme, host and port. */
    public function hasOriginOf(self $other): bool
    {
        return $this->target->origin->equals($other->target->origin);
    }

    /**
     * The absolute URL that a Location means, as a request with the method that follows.
     *
     * @throws OutboundException if it is no URL
     */
    public function redirected(int $status, #[\SensitiveParameter] string $location): self
    {
        $target = Canonicalizer::follow($this->target, $location, true);
        if ($status !== 303 && ($status > 303 || $this->method !== 'POST')) {
            return new self($this->method, $target, $this->headers, $this->body);
        }
        $headers = array_values(array_filter(
            $this->headers,
            static fn (array $header): bool => !str_starts_with(strtolower($header[0]), 'content-'),
        ));
        return new self($this->method === 'HEAD' ? 'HEAD' : 'GET', $target, $headers, '');
    }

    /**
     * @param array<mixed> $options
     */
    private static function target(#[\SensitiveParameter] string $url, #[\SensitiveParameter] array $options): Target
    {
        $query = $options['query'] ?? [];
        if (!is_array($query)) {
            throw new InvalidOption('the option query is no array');
        }
        $base = $options['base_uri'] ?? null;
        if ($base !== null && !is_string($base)) {
            throw new InvalidOption('the option base_uri is no string');
        }
        $url = explode('#', $url, 2)[0];
        try {
            $target = $base === null
                ? Canonicalizer::follow(Canonicalizer::fromUrl($url), $url, true)
                : Canonicalizer::follow(Canonicalizer::fromUrl($base), $url, true);
            return $query === [] ? $target : new Target($target->origin, $target->path, self::query($target->query, $query));
        } catch (OutboundException $refusal) {
            throw new InvalidOption($refusal->getMessage(), 0, $refusal);
        }
    }

    /**
     * The query of the URL with these values, which replace those of the same names.
     *
     * @param array<mixed> $values
     */
    private static function query(#[\SensitiveParameter] ?string $query, #[\SensitiveParameter] array $values): ?string
    {
        $fields = explode('&', http_build_query($values, '', '&', PHP_QUERY_RFC3986));
        $name = static fn (string $field): string => urldecode(explode('=', $field, 2)[0]);
        $replaced = array_map($name, $fields);
        $kept = array_filter(
            explode('&', (string) $query),
            static fn (string $field): bool => $field !== '' && !in_array($name($field), $replaced, true),
        );
        $all = implode('&', array_filter([...$kept, ...$fields], static fn (string $field): bool => $field !== ''));
        return $all === '' ? null : $all;
    }

    /**
     * @return list<array{string, string}>
     */
    public static function headers(#[\SensitiveParameter] mixed $given): array
    {
        if (!is_iterable($given)) {
            throw new InvalidOption('the option headers is no array');
        }
        $headers = [];
        foreach ($given as $name => $values) {
            foreach (is_iterable($values) ? $values : [$values] as $value) {
                if (!is_scalar($value) && !$value instanceof \Stringable) {
                    throw new InvalidOption('the value of a header is no string');
                }
                $pair = is_string($name) ? [$name, (string) $value] : explode(':', (string) $value, 2);
                if (!isset($pair[1])) {
                    throw new InvalidOption('a header is no "name: value"');
                }
                // "Name: value" may also be given under its name.
                $prefix = $pair[0] . ':';
                $text = stripos($pair[1], $prefix) === 0 ? substr($pair[1], strlen($prefix)) : $pair[1];
                $headers[] = [$pair[0], trim($text)];
            }
        }
        return $headers;
    }

    /**
     * @param list<array{string, string}> $headers
     * @return list<array{string, string}>
     */
    public static function withDefault(#[\SensitiveParameter] array $headers, string $name, #[\SensitiveParameter] string $value): array
    {
        return in_array(strtolower($name), array_map(strtolower(...), array_column($headers, 0)), true)
            ? $headers
            : [...$headers, [$name, $value]];
    }

    /**
     * Without the length, if it is the one that is sent anyway.
     *
     * @param list<array{string, string}> $headers
     * @return list<array{string, string}>
     */
    private static function sendable(#[\SensitiveParameter] array $headers, int $length): array
    {
        return array_values(array_filter(
            $headers,
            static fn (array $header): bool => strtolower($header[0]) !== 'content-length' || $header[1] !== (string) $length,
        ));
    }

    /**
     * @param array<mixed> $options
     * @return list<array{string, string}>
     */
    private static function auth(#[\SensitiveParameter] array $options): array
    {
        $basic = $options['auth_basic'] ?? null;
        if (is_array($basic)) {
            $basic = implode(':', array_map(
                static fn (mixed $half): string => is_string($half) ? $half : throw new InvalidOption('auth_basic is no pair of strings'),
                $basic,
            ));
        }
        $bearer = $options['auth_bearer'] ?? null;
        return match (true) {
            $basic === null && $bearer === null => [],
            is_string($basic) && $bearer === null => [['Authorization', 'Basic ' . base64_encode($basic)]],
            is_string($bearer) && $basic === null => [['Authorization', 'Bearer ' . $bearer]],
            default => throw new InvalidOption('auth_basic and auth_bearer are strings, and there is one of them'),
        };
    }

    /**
     * @param array<mixed> $options
     * @return array{string, string|null} the body and its content type
     */
    private static function body(#[\SensitiveParameter] array $options): array
    {
        $json = $options['json'] ?? null;
        $body = $options['body'] ?? '';
        if ($json !== null) {
            try {
                return $body === '' ? [json_encode($json, self::JSON), 'application/json'] : throw new InvalidOption('there are json and body');
            } catch (\JsonException $flaw) {
                throw new InvalidOption('the option json cannot be encoded', 0, $flaw);
            }
        }
        if (is_array($body)) {
            array_walk_recursive($body, static function (#[\SensitiveParameter] mixed $value): void {
                if ($value !== null && !is_scalar($value) && !$value instanceof \Stringable) {
                    throw new InvalidOption('a value of a form is no text, number or boolean');
                }
            });
            return [http_build_query($body, '', '&'), FormFields::CONTENT_TYPE];
        }
        $bytes = self::bytes($body);
        return [$bytes, $bytes === '' ? null : FormFields::CONTENT_TYPE];
    }

    private static function bytes(#[\SensitiveParameter] mixed $body): string
    {
        if (is_string($body)) {
            return $body;
        }
        if (is_resource($body)) {
            $bytes = stream_get_contents($body);
            return $bytes !== false ? $bytes : throw new TransportFailure('the body cannot be read');
        }
        try {
            if ($body instanceof \Closure) {
                $first = $body(16384);
                if (!$first instanceof \Traversable) {
                    return self::called($first, $body);
                }
                $body = $first;
            }
        } catch (\Exception $thrown) {
            throw new TransportFailure('the body cannot be read: ' . $thrown->getMessage(), 0, $thrown);
        }
        if (!$body instanceof \Traversable) {
            throw new InvalidOption('the option body is no string, array, resource, closure or iterator');
        }
        $bytes = '';
        try {
            foreach ($body as $piece) {
                $bytes .= is_string($piece) ? $piece : throw new TransportFailure('the body yields something else than strings');
            }
        } catch (\Exception $thrown) {
            throw $thrown instanceof TransportFailure ? $thrown : new TransportFailure('the body cannot be read', 0, $thrown);
        }
        return $bytes;
    }

    private static function called(#[\SensitiveParameter] mixed $piece, \Closure $body): string
    {
        $bytes = '';
        while ($piece !== '') {
            $bytes .= is_string($piece) ? $piece : throw new TransportFailure('the body returns something else than strings');
            $piece = $body(16384);
        }
        return $bytes;
    }
}
