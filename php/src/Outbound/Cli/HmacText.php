<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\Php\Credential\HmacPayload;
use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * The text that the template of a keyed hash makes of a request. It is what is signed.
 *
 * @internal
 */
final class HmacText
{
    /** Fields with a secret of another credential. */
    private const OF_OTHERS = ['authorization', 'cookie', 'x-api-key'];

    /**
     * @param JsonObject $payload one that was checked
     * @throws UsageError if a part is missing in the request
     */
    public static function of(JsonObject $payload, TriedRequest $request): string
    {
        // What has no signature is filled in before the rest is signed.
        $headers = $request->headers;
        $own = $request->target->query;
        foreach (self::withoutSignature($payload, 'headers') as [$name, $pieces]) {
            $headers[] = [$name, self::rendered($pieces, $request, $request->headers, $own)];
        }
        $query = $own;
        foreach (self::withoutSignature($payload, 'query') as [$name, $pieces]) {
            $value = self::rendered($pieces, $request, $request->headers, $own);
            $query = ($query === null || $query === '' ? '' : $query . '&') . rawurlencode($name) . '=' . rawurlencode($value);
        }
        return self::rendered(HmacPayload::pieces($payload->string('template'), 'template'), $request, $headers, $query);
    }

    /**
     * @return list<array{string, list<array{bool, string}>}> names, and the pieces of their templates
     */
    private static function withoutSignature(JsonObject $payload, string $places): array
    {
        $templates = $payload->objectOrNull($places) ?? new JsonObject([]);
        $all = array_map(
            static fn (string $name): array => [$name, HmacPayload::pieces($templates->string($name), $places)],
            $templates->names(),
        );
        return array_values(array_filter($all, static fn (array $one): bool => !in_array([true, 'signature'], $one[1], true)));
    }

    /**
     * @param list<array{bool, string}> $pieces
     * @param list<array{string, string}> $headers
     */
    private static function rendered(array $pieces, TriedRequest $request, #[\SensitiveParameter] array $headers, ?string $query): string
    {
        $text = '';
        foreach ($pieces as [$isPart, $piece]) {
            $text .= $isPart ? self::part($piece, $request, $headers, $query) : $piece;
        }
        return $text;
    }

    /**
     * @param list<array{string, string}> $headers
     */
    private static function part(string $part, TriedRequest $request, #[\SensitiveParameter] array $headers, ?string $query): string
    {
        [$name, $form] = [...explode(':', $part, 2), ''];
        $target = $request->target->path . ($query === null ? '' : '?' . $query);
        return match ($name) {
            'method' => $request->method,
            'host' => $request->authority(),
            'path' => $request->target->path,
            'query' => (string) $query,
            'target' => $target,
            'url' => $request->target->origin->text() . $target,
            'id' => $request->id ?? throw new UsageError('The template has {id}, which is the idempotency key: give --id=KEY.'),
            'time' => match ($form) {
                'ms' => $request->time . '000',
                'rfc3339' => gmdate('Y-m-d\TH:i:s\Z', $request->time),
                'http' => gmdate('D, d M Y H:i:s \G\M\T', $request->time),
                default => (string) $request->time,
            },
            'nonce' => $request->nonce,
            'body' => $form === '' ? $request->body : self::digest($form, $request->body),
            'header' => self::header(strtolower($form), $headers),
            default => throw new \LogicException('a payload that was checked has no other part'),
        };
    }

    private static function digest(string $form, string $body): string
    {
        [$algorithm, $encoding] = explode(':', $form);
        $digest = hash($algorithm, $body, true);
        $base64 = base64_encode($digest);
        return match ($encoding) {
            'hex' => bin2hex($digest),
            'base64' => $base64,
            'base64url' => strtr($base64, '+/', '-_'),
            default => rtrim(strtr($base64, '+/', '-_'), '='),
        };
    }

    /**
     * @param list<array{string, string}> $headers
     */
    private static function header(string $name, #[\SensitiveParameter] array $headers): string
    {
        if (in_array($name, self::OF_OTHERS, true)) {
            return TriedRequest::SECRET;
        }
        $values = [];
        foreach ($headers as [$found, $value]) {
            if (strtolower($found) === $name) {
                $values[] = $value;
            }
        }
        return count($values) === 1 ? $values[0] : throw new UsageError(
            'The template has {header:' . $name . '}, which the request has to have once: give --header=' . $name . ':VALUE.',
        );
    }
}
