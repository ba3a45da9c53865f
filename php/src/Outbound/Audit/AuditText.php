<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * The audit record of a transport as JSON text, decoded only when one of its values is read.
 *
 * The text is exactly what json_encode() would write of a record: all keys in their order, each value of its type, texts of
 * printable ASCII. A record in any other form is decoded at once.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final class AuditText
{
    private const TEXT = '"(?:[^"\\\\\x00-\x1F\x7F-\xFF]++|\\\\["\\\\])*+"';
    private const OPTIONAL = '(?:null|' . self::TEXT . ')';
    private const TEXTS = '(?:null|\[(?:' . self::TEXT . '(?:,' . self::TEXT . ')*+)?\])';

    /** With more digits, a number may be too large for an integer of PHP. */
    private const INTEGER = '(?:null|0|[1-9][0-9]{0,17})';

    /** A pattern of the text. It has no groups with numbers. */
    public const FORM = '\{'
        . '"service_id":' . self::OPTIONAL
        . ',"correlation_id":' . self::OPTIONAL
        . ',"timestamp":' . self::TEXT
        . ',"method":' . self::OPTIONAL
        . ',"host":' . self::OPTIONAL
        . ',"port":' . self::INTEGER
        . ',"path_template":' . self::OPTIONAL
        . ',"status":' . self::INTEGER
        . ',"duration_us":' . self::INTEGER
        . ',"bytes_out":' . self::INTEGER
        . ',"bytes_in":' . self::INTEGER
        . ',"attempts":' . self::INTEGER
        . ',"attempt_errors":' . self::TEXTS
        . ',"token_requests":' . self::INTEGER
        . ',"remote_address":' . self::OPTIONAL
        . ',"tls_version":' . self::OPTIONAL
        . ',"http_version":' . self::OPTIONAL
        . ',"connection_reused":(?:null|true|false)'
        . ',"credentials":' . self::TEXTS
        . ',"error_class":' . self::OPTIONAL
        . ',"error_code":' . self::OPTIONAL
        . ',"sent":' . self::OPTIONAL
        . ',"transport":' . self::OPTIONAL
        . ',"library_version":' . self::OPTIONAL
        . ',"proxy_resolve":' . self::OPTIONAL
        . '\}';

    /** @var AuditRecord|null */
    private ?array $record = null;

    /**
     * @param string $json an object
     */
    private function __construct(public readonly string $json)
    {
    }

    /** The record in this text; null if it has another form. */
    public static function of(string $json): ?self
    {
        return preg_match('/\A' . self::FORM . '\z/', $json) === 1 ? new self($json) : null;
    }

    /** The record in a text that is known to have the form. */
    public static function known(string $json): self
    {
        return new self($json);
    }

    /**
     * The record as an array; a text is decoded now.
     *
     * @param AuditRecord|self $told
     * @return AuditRecord
     */
    public static function read(array|self $told): array
    {
        return $told instanceof self ? $told->record() : $told;
    }

    /**
     * @return AuditRecord
     */
    private function record(): array
    {
        return $this->record ??= AuditShape::of((array) json_decode($this->json, true));
    }
}
