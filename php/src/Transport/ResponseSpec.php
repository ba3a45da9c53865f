<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * The response to one request, whatever its status.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @property-read AuditRecord $audit
 * @property-read list<array{string, string}> $headers lower-case names and values in order; a value is bytes
 *
 * @internal
 */
final class ResponseSpec
{
    private const TEXT = '"(?:[^"\\\\\x00-\x1F\x7F-\xFF]++|\\\\["\\\\])*+"';
    private const FIELD = '\[' . self::TEXT . ',' . self::TEXT . '\]';

    /** A response whose fields and record are decoded only when they are read; with others the document is decoded at once. */
    private const RESPONSE = '/\A\{"version":' . Wire::VERSION . ',"status":([1-9][0-9]{2}),"http_version":"([0-9.]{1,3})","headers":(\[(?:'
        . self::FIELD . '(?:,' . self::FIELD . ')*+)?\]),"error":null,"audit":(' . AuditText::FORM . ')\}\z/';

    /** @var list<array{string, string}>|string as JSON until they are read */
    private array|string $fields;

    /** @var AuditRecord|AuditText */
    private readonly array|AuditText $told;

    /**
     * @param int $status 100 to 999
     * @param string $httpVersion "1.1" or "2"
     * @param list<array{string, string}>|string $headers lower-case names and values in order; a value is bytes. A string is
     *        the JSON of such a list, without letters beyond ASCII
     * @param string $body raw bytes, decoded
     * @param AuditRecord|AuditText $audit the record of the call, metadata only
     */
    public function __construct(
        public readonly int $status,
        public readonly string $httpVersion,
        #[\SensitiveParameter] array|string $headers,
        #[\SensitiveParameter] public readonly string $body,
        array|AuditText $audit,
    ) {
        if ($status < 100 || $status > 999 || (is_array($headers) && Pairs::read($headers) === null)) {
            throw new \InvalidArgumentException('the status or the headers of a response are impossible');
        }
        $this->fields = $headers;
        $this->told = $audit;
    }

    /**
     * The record in the form in which it was received.
     *
     * @return AuditRecord|AuditText
     */
    public function record(): array|AuditText
    {
        return $this->told;
    }

    /**
     * The record and the header fields. What was received as text is decoded when it is first read.
     *
     * @return AuditRecord|list<array{string, string}>
     */
    public function __get(string $name): array
    {
        return match ($name) {
            'audit' => AuditText::read($this->told),
            'headers' => $this->fields(),
            default => throw new \Error('a response has no property ' . $name),
        };
    }

    /**
     * @return list<array{string, string}>
     */
    private function fields(): array
    {
        if (is_string($this->fields)) {
            $this->fields = Pairs::read(Wire::decode($this->fields)) ?? [];
        }
        return $this->fields;
    }

    public function __isset(string $name): bool
    {
        return $name === 'audit' || $name === 'headers';
    }

    /**
     * @return array{head: string, body: string} head is JSON
     */
    public function toWire(): array
    {
        $head = [
            'version' => Wire::VERSION,
            'status' => $this->status,
            'http_version' => $this->httpVersion,
            'headers' => array_map(
                static fn (array $header): array => [$header[0], Wire::bytesToText($header[1])],
                $this->headers,
            ),
            'error' => null,
            'audit' => $this->audit,
        ];
        return ['head' => Wire::encode($head), 'body' => $this->body];
    }

    /**
     * The failure if a response with this head was received, but PHP has not enough memory for it.
     *
     * @internal
     */
    public static function tooLarge(#[\SensitiveParameter] string $head): OutboundException
    {
        $code = 'response.too_large';
        $wire = Wire::decode($head);
        $status = $wire['status'] ?? null;
        $audit = $wire['audit'] ?? null;
        if (!is_int($status)) {
            return OutboundException::fromWire(null);
        }
        if (!is_array($audit)) {
            // Of a response that comes in pieces, the record comes at its end.
            return OutboundException::create($code, MemoryLimit::REFUSAL, sent: 'yes', httpStatus: $status);
        }
        // The last attempt no longer ends with the response.
        $record = AuditShape::of($audit);
        $errors = array_slice($record['attempt_errors'] ?? [], 0, max(0, ($record['attempts'] ?? 1) - 1));
        return OutboundException::create(
            $code,
            MemoryLimit::REFUSAL,
            sent: 'yes',
            httpStatus: $status,
            auditRecord: array_replace($record, [
                'attempt_errors' => [...$errors, $code],
                'error_class' => 'response',
                'error_code' => $code,
            ]),
        );
    }

    /**
     * The reverse of toWire(). A head with a failure is thrown as its exception; a head that cannot be read, as internal.panic
     * with "maybe" as sent().
     *
     * @throws OutboundException
     */
    public static function fromWire(#[\SensitiveParameter] string $head, #[\SensitiveParameter] string $body): self
    {
        if (preg_match(self::RESPONSE, $head, $told) === 1) {
            return new self((int) $told[1], $told[2], $told[3], $body, AuditText::known($told[4]));
        }
        $wire = Wire::decode($head);
        $headers = Wire::headersFromWire($wire['headers'] ?? null);
        if (($wire['error'] ?? null) !== null || $headers === null || ($wire['version'] ?? null) !== Wire::VERSION) {
            throw OutboundException::fromWire($wire);
        }
        [$status, $version] = [$wire['status'] ?? null, $wire['http_version'] ?? ''];
        $audit = is_array($wire['audit'] ?? []) ? AuditShape::of($wire['audit'] ?? []) : null;
        if (!is_int($status) || !is_string($version) || $audit === null) {
            throw OutboundException::fromWire(null);
        }
        try {
            return new self($status, $version, $headers, $body, $audit);
        } catch (\InvalidArgumentException) {
            throw OutboundException::fromWire(null);
        }
    }
}
