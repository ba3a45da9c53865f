<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * The audit entry of one call: the record of the transport, and who made the call. It has metadata only, never a path, a query, a
 * field value, a body or a secret.
 *
 * The keys of a record. Each key is present; an unknown value is null.
 *
 * @phpstan-type AuditRecord array{
 *     service_id: string|null,
 *     correlation_id: string|null,
 *     timestamp: string,
 *     method: string|null,
 *     host: string|null,
 *     port: int|null,
 *     path_template: string|null,
 *     status: int|null,
 *     duration_us: int|null,
 *     bytes_out: int|null,
 *     bytes_in: int|null,
 *     attempts: int|null,
 *     attempt_errors: list<string>|null,
 *     token_requests: int|null,
 *     remote_address: string|null,
 *     tls_version: string|null,
 *     http_version: string|null,
 *     connection_reused: bool|null,
 *     credentials: list<string>|null,
 *     error_class: string|null,
 *     error_code: string|null,
 *     sent: string|null,
 *     transport: string|null,
 *     library_version: string|null,
 *     proxy_resolve: string|null
 * }
 *
 * @property-read AuditRecord $record
 *
 * @api
 */
final readonly class AuditEntry implements \JsonSerializable
{
    /** States: an intent is written before the call, in audit mode "required". */
    public const INTENT = 'intent';
    public const COMPLETE = 'complete';

    /** Outcomes: a response arrived, whatever its status; the call was refused; it failed. */
    public const RESPONSE = 'response';
    public const REFUSED = 'refused';
    public const FAILED = 'failed';

    /** The keys of AuditRecord, in order. */
    public const RECORD = [
        'service_id', 'correlation_id', 'timestamp', 'method', 'host', 'port', 'path_template', 'status',
        'duration_us', 'bytes_out', 'bytes_in', 'attempts', 'attempt_errors', 'token_requests', 'remote_address',
        'tls_version', 'http_version', 'connection_reused', 'credentials', 'error_class', 'error_code', 'sent',
        'transport', 'library_version', 'proxy_resolve',
    ];

    /** @var AuditRecord|AuditText */
    private array|AuditText $told;

    public ?string $actorType;
    public ?string $actorId;
    public ?string $caller;
    public ?string $requestId;

    /**
     * @param string $id UUIDv7 of this call; its intent and its completion have the same one
     * @param string $state INTENT or COMPLETE
     * @param string|null $outcome RESPONSE, REFUSED or FAILED; null in an intent
     * @param array<mixed>|AuditText $record keys of AuditRecord; missing ones and values of another type become null, others are
     *        left out. `timestamp` is RFC 3339 in UTC with milliseconds; a missing one becomes the current time. service_id is
     *        null if the caller's value is not a valid id; credentials is a list of identifiers, attempt_errors a list of codes.
     *        Texts are made printable: UTF-8 without control characters, format characters and line separators
     * @param string|null $actorType of the context; printable and cut to 255 bytes, as actorId, caller and requestId are
     * @param string|null $caller class and method or function of the first frame outside this library, or file:line
     * @param int $weight how many calls it represents: more than one if only some successes of a service are recorded
     */
    public function __construct(
        public string $id,
        public string $state,
        public ?string $outcome,
        array|AuditText $record,
        ?string $actorType = null,
        ?string $actorId = null,
        ?string $caller = null,
        ?string $requestId = null,
        public int $weight = 1,
    ) {
        $this->actorType = $actorType === null ? null : Printable::text($actorType, 255);
        $this->actorId = $actorId === null ? null : Printable::text($actorId, 255);
        $this->caller = $caller === null ? null : Printable::text($caller, 255);
        $this->requestId = $requestId === null ? null : Printable::text($requestId, 255);
        $this->told = $record instanceof AuditText ? $record : AuditShape::of($record);
    }

    /**
     * The record. If the transport gave it as text, it is decoded when it is first read.
     *
     * @return AuditRecord
     */
    public function __get(string $name): array
    {
        if ($name !== 'record') {
            throw new \Error('an audit entry has no property ' . $name);
        }
        return AuditText::read($this->told);
    }

    public function __isset(string $name): bool
    {
        return $name === 'record';
    }

    /**
     * The same entry with another weight.
     *
     * @internal
     */
    public function withWeight(int $weight): self
    {
        return new self(
            $this->id,
            $this->state,
            $this->outcome,
            $this->told,
            $this->actorType,
            $this->actorId,
            $this->caller,
            $this->requestId,
            $weight,
        );
    }

    /**
     * @return array<string, mixed> the properties
     */
    public function jsonSerialize(): array
    {
        return [
            'id' => $this->id,
            'state' => $this->state,
            'outcome' => $this->outcome,
            'record' => $this->record,
            'actorType' => $this->actorType,
            'actorId' => $this->actorId,
            'caller' => $this->caller,
            'requestId' => $this->requestId,
            'weight' => $this->weight,
        ];
    }

    /**
     * The values of toArray() as JSON on one line, without a line break. If the record is a text, it is copied unchanged.
     *
     * @internal for the sinks that write lines
     */
    public function toJson(): string
    {
        if (is_array($this->told)) {
            return AuditRow::json($this->toArray());
        }
        $around = AuditRow::json(['id' => $this->id, 'state' => $this->state, 'outcome' => $this->outcome] + $this->origin());
        // Within a JSON string each quotation mark has a backslash before it, so this is the key.
        $begin = (string) strstr($around, ',"actor_type":', true);
        return $begin . ',' . substr($this->told->json, 1, -1) . substr($around, strlen($begin));
    }

    /**
     * Flat and in a fixed order: id, state, outcome, the keys of RECORD, actor_type, actor_id, caller, request_id, weight. Each
     * value is null, a string, an integer or a boolean, except `credentials` and `attempt_errors`, which are lists of strings.
     *
     * @return array<string, string|int|bool|list<string>|null>
     */
    public function toArray(): array
    {
        return ['id' => $this->id, 'state' => $this->state, 'outcome' => $this->outcome] + $this->record + $this->origin();
    }

    /**
     * Who made the call, and how many calls it represents.
     *
     * @return array<string, string|int|null>
     */
    private function origin(): array
    {
        return [
            'actor_type' => $this->actorType,
            'actor_id' => $this->actorId,
            'caller' => $this->caller,
            'request_id' => $this->requestId,
            'weight' => $this->weight,
        ];
    }
}
