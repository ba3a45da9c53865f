<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\DeclaredCredentials;
use Netresearch\NrVault\Transport\Php\Policy\Spelling;
use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * The canonical request of AWS Signature Version 4 that a payload makes of a request. Its hash is what is signed.
 *
 * @internal
 */
final class AwsText
{
    private const UNSIGNED = 'UNSIGNED-PAYLOAD';

    /** Seconds for which a URL is good whose payload does not say it. */
    private const LIFETIME = 300;

    /**
     * @param JsonObject $payload one that was checked
     * @throws UsageError if the request has what the signature fills, or what is not signed
     */
    public static function of(JsonObject $payload, TriedRequest $request): string
    {
        $service = $payload->string('service');
        $isS3 = $service === CredentialReference::S3;
        $isQuery = $payload->string('in', 'header') === 'query';
        $key = new CredentialReference('any', CredentialReference::AWS_SIGV4, service: $service);
        foreach ($request->headers as [$name]) {
            if (in_array(strtolower($name), DeclaredCredentials::filledHeaders([$key]), true)) {
                throw new UsageError('The signature fills the header ' . $name . ': leave it out.');
            }
        }
        $query = (string) $request->target->query;
        if (Spelling::hasAmzParameter($query) || str_contains($query, '+')) {
            throw new UsageError('The query has a parameter X-Amz-…, which the signature fills, or a plus: write %20 or %2B.');
        }
        $time = gmdate('Ymd\THis\Z', $request->time);
        $body = $payload->bool('unsigned_payload', false) ? self::UNSIGNED : hash('sha256', $request->body);
        $headers = $request->headers;
        $token = $payload->has('session_token') ? TriedRequest::SECRET : null;
        if (!$isQuery) {
            $filled = ['x-amz-date' => $time, 'x-amz-security-token' => $token, 'x-amz-content-sha256' => $isS3 ? $body : null];
            foreach (array_filter($filled, is_string(...)) as $name => $value) {
                $headers[] = [$name, $value];
            }
        }
        $signed = self::signed($headers) + ['host' => $request->authority()];
        ksort($signed);
        $names = implode(';', array_keys($signed));
        $pairs = self::pairs($query);
        if ($isQuery) {
            $id = $payload->string('access_key_id');
            $scope = implode('/', [
                '',
                substr($time, 0, 8),
                $payload->string('region'),
                $service,
                'aws4_request',
            ]);
            $pairs[] = ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'];
            $pairs[] = ['X-Amz-Credential', ($id === TriedRequest::SECRET ? $id : rawurlencode($id)) . rawurlencode($scope)];
            $pairs[] = ['X-Amz-Date', $time];
            $pairs[] = ['X-Amz-Expires', (string) $payload->int('lifetime', self::LIFETIME)];
            $pairs[] = ['X-Amz-SignedHeaders', rawurlencode($names)];
            array_push($pairs, ...($token === null ? [] : [['X-Amz-Security-Token', $token]]));
        }
        usort($pairs, self::compare(...));
        $path = $request->target->path;
        $lines = array_map(static fn (string $name, string $value): string => "$name:$value\n", array_keys($signed), $signed);
        return implode("\n", [
            $request->method,
            $isS3 ? $path : implode('/', array_map(rawurlencode(...), explode('/', $path))),
            implode('&', array_map(static fn (array $pair): string => implode('=', $pair), $pairs)),
            implode('', $lines),
            $names,
            $body,
        ]);
    }

    /**
     * @param list<array{string, string}> $headers
     * @return array<string, string>
     */
    private static function signed(#[\SensitiveParameter] array $headers): array
    {
        $signed = [];
        foreach ($headers as [$name, $value]) {
            $name = strtolower($name);
            if (in_array($name, ['content-type', 'content-md5'], true) || str_starts_with($name, 'x-amz-')) {
                $value = trim((string) preg_replace('/[ \t]+/', ' ', $value), ' ');
                $signed[$name] = isset($signed[$name]) ? $signed[$name] . ',' . $value : $value;
            }
        }
        return $signed;
    }

    /**
     * @param array{string, string} $a
     * @param array{string, string} $b
     */
    private static function compare(array $a, array $b): int
    {
        return $a[0] === $b[0] ? strcmp($a[1], $b[1]) : strcmp($a[0], $b[0]);
    }

    /**
     * @return list<array{string, string}> names and values in one encoding
     */
    private static function pairs(#[\SensitiveParameter] string $query): array
    {
        $pairs = [];
        foreach (array_filter(explode('&', $query), static fn (string $pair): bool => $pair !== '') as $pair) {
            [$name, $value] = [...explode('=', $pair, 2), ''];
            $pairs[] = [Spelling::component($name), Spelling::component($value)];
        }
        return $pairs;
    }
}
