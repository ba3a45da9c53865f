<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * Audit entries with a value in every column, and processes that write such entries.
 */
final class AuditEntries
{
    /** The audit record that docs/wire.md shows. */
    public const RECORD = [
        'service_id' => 'stripe',
        'correlation_id' => 'order-17',
        'timestamp' => '2026-11-21T22:20:48.123Z',
        'method' => 'POST',
        'host' => 'api.stripe.com',
        'port' => 443,
        'path_template' => '/v1/customers/{id}/sources',
        'status' => 200,
        'duration_us' => 81234,
        'bytes_out' => 312,
        'bytes_in' => 5_000_000_000,
        'attempts' => 2,
        'attempt_errors' => ['http_503', 'response.too_large'],
        'token_requests' => 2,
        'remote_address' => '192.0.2.7',
        'tls_version' => '1.3',
        'http_version' => '2',
        'connection_reused' => true,
        'credentials' => ['01937b6e-4b6c-7abc-8def-0123456789ab', 'second'],
        'error_class' => 'response',
        'error_code' => 'response.too_large',
        'sent' => 'yes',
        'transport' => 'rust-ffi',
        'library_version' => '0.1.0',
        'proxy_resolve' => 'local',
    ];

    /**
     * @param array<string, mixed> $record replaces values of RECORD
     */
    public static function complete(string $id = 'id-1', array $record = []): AuditEntry
    {
        return self::entry($id, AuditEntry::COMPLETE, AuditEntry::RESPONSE, $record + self::RECORD);
    }

    /** The entry that is written before a call. */
    public static function intent(string $id = 'id-1', string $time = self::RECORD['timestamp']): AuditEntry
    {
        $known = array_flip(['service_id', 'correlation_id', 'timestamp', 'method', 'host', 'path_template']);
        $record = ['timestamp' => $time] + array_intersect_key(self::RECORD, $known);
        return self::entry($id, AuditEntry::INTENT, null, $record);
    }

    /** A process that writes $count entries, from "WRITER-0" on; it ends with code 0 if all were stored. */
    public static function writer(TempDir $directory, string $target, string $writer, int $count): Process
    {
        $script = __DIR__ . '/audit-writer.php';
        $log = $directory->path . '/writer-' . $writer . '.log';
        return new Process(['php', $script, $target, $writer, (string) $count], $log);
    }

    /** The sink for a target: a DSN, or "MAXBYTES:/path" for a file of JSON lines. */
    public static function sink(string $target, int $timeoutMs = 30_000): AuditSink
    {
        if (preg_match('~^(\d+):(/.*)$~', $target, $match) === 1) {
            return new JsonLinesAuditSink($match[2], (int) $match[1], $timeoutMs);
        }
        return new PdoAuditSink($target, timeoutMs: $timeoutMs);
    }

    /**
     * @param array<string, mixed> $record
     */
    private static function entry(string $id, string $state, ?string $outcome, array $record): AuditEntry
    {
        return new AuditEntry($id, $state, $outcome, $record, 'backend_user', '42', 'Acme\\Job::run', 'request-9');
    }
}
