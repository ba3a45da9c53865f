<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * Gives the record of a call the same form, whichever transport made it: every key, each with a value of its type. Other data is
 * removed.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final class AuditShape
{
    /**
     * @param array<mixed> $told a missing value or one of another type becomes null, and every text is made printable. A record
     *        without a timestamp gets the current time
     * @return AuditRecord
     */
    public static function of(array $told): array
    {
        return [
            'service_id' => self::text($told['service_id'] ?? null),
            'correlation_id' => self::text($told['correlation_id'] ?? null),
            'timestamp' => self::text($told['timestamp'] ?? null) ?? self::now(),
            'method' => self::text($told['method'] ?? null),
            'host' => self::text($told['host'] ?? null),
            'port' => self::number($told['port'] ?? null),
            'path_template' => self::text($told['path_template'] ?? null),
            'status' => self::number($told['status'] ?? null),
            'duration_us' => self::number($told['duration_us'] ?? null),
            'bytes_out' => self::number($told['bytes_out'] ?? null),
            'bytes_in' => self::number($told['bytes_in'] ?? null),
            'attempts' => self::number($told['attempts'] ?? null),
            'attempt_errors' => self::texts($told['attempt_errors'] ?? null),
            'token_requests' => self::number($told['token_requests'] ?? null),
            'remote_address' => self::text($told['remote_address'] ?? null),
            'tls_version' => self::text($told['tls_version'] ?? null),
            'http_version' => self::text($told['http_version'] ?? null),
            'connection_reused' => is_bool($told['connection_reused'] ?? null) ? $told['connection_reused'] : null,
            'credentials' => self::texts($told['credentials'] ?? null),
            'error_class' => self::text($told['error_class'] ?? null),
            'error_code' => self::text($told['error_code'] ?? null),
            'sent' => self::text($told['sent'] ?? null),
            'transport' => self::text($told['transport'] ?? null),
            'library_version' => self::text($told['library_version'] ?? null),
            'proxy_resolve' => self::text($told['proxy_resolve'] ?? null),
        ];
    }

    /** The current time, in the format of a record. */
    public static function now(): string
    {
        return self::time((int) (microtime(true) * 1000));
    }

    /** A time in the format of a record: RFC 3339, in UTC, with milliseconds. */
    public static function time(int $milliseconds): string
    {
        return gmdate('Y-m-d\TH:i:s', intdiv($milliseconds, 1000)) . sprintf('.%03dZ', $milliseconds % 1000);
    }

    private static function text(mixed $value): ?string
    {
        return is_string($value) ? Printable::text($value) : null;
    }

    private static function number(mixed $value): ?int
    {
        return is_int($value) ? $value : null;
    }

    /**
     * @return list<string>|null
     */
    private static function texts(mixed $value): ?array
    {
        if (!is_array($value)) {
            return null;
        }
        $texts = [];
        foreach ($value as $text) {
            if (is_string($text)) {
                $texts[] = Printable::text($text);
            }
        }
        return $texts;
    }
}
