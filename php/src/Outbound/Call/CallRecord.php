<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Text\Uuid7;

/**
 * What becomes the audit entries of one call. Where the transport gives no record of its own, this one stands for it.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
final class CallRecord
{
    /** Whether the service wants a record of every call. */
    public bool $isRequired = false;

    /** Whether the intent was written. */
    public bool $hasBegun = false;

    /** How far the request can have got, should the call end now. */
    public string $sent = 'no';

    private readonly string $id;
    private readonly int $begun;

    /** @var array{?string, ?string, string, ?string} actor type and id, caller, request id */
    private array $identity;

    /** @var array<string, mixed> */
    private array $record;

    /**
     * @param string $serviceId as it was given; what is no id is left out
     * @param string $method as it was given; what is no method is left out
     */
    public function __construct(
        string $caller,
        string $serviceId,
        string $method,
        public readonly string $correlationId,
    ) {
        $this->id = Uuid7::generate();
        $this->begun = hrtime(true);
        $this->identity = [null, null, $caller, null];
        $now = new \DateTimeImmutable('now', new \DateTimeZone('UTC'));
        $this->record = [
            'service_id' => preg_match(ServiceDefinition::ID, $serviceId) === 1 ? $serviceId : null,
            'correlation_id' => $correlationId,
            'timestamp' => $now->format('Y-m-d\TH:i:s.v\Z'),
            'method' => preg_match('/\A[A-Z][A-Z0-9_-]{0,31}\z/', $method) === 1 ? $method : null,
            'credentials' => [],
        ];
    }

    /** Notes who makes the call, as the host says it. */
    public function madeBy(?CallContext $context): void
    {
        [, , $caller] = $this->identity;
        $this->identity = [$context?->actorType(), $context?->actorId(), $caller, $context?->requestId()];
    }

    /** Notes what the transport decided, and the credentials that will be used. */
    public function decided(#[\SensitiveParameter] Decision $decision, CredentialReference ...$references): void
    {
        $this->record['host'] = $decision->host;
        $this->record['port'] = $decision->port;
        $this->record['path_template'] = $decision->pathTemplate;
        $this->record['credentials'] = array_column($references, 'identifier');
    }

    public function intent(): AuditEntry
    {
        return $this->entry(AuditEntry::INTENT, null, $this->record);
    }

    /**
     * @param AuditRecord $record the transport's
     */
    public function response(array $record): AuditEntry
    {
        return $this->entry(AuditEntry::COMPLETE, AuditEntry::RESPONSE, $record);
    }

    public function failure(OutboundException $failure): AuditEntry
    {
        $own = [
            'status' => $failure->httpStatus(),
            'duration_us' => intdiv(hrtime(true) - $this->begun, 1000),
            'error_class' => $failure->errorClass(),
            'error_code' => $failure->errorCode(),
        ];
        return $this->entry(
            AuditEntry::COMPLETE,
            $failure instanceof RequestRefused ? AuditEntry::REFUSED : AuditEntry::FAILED,
            $failure->auditRecord() ?? $own + $this->record,
        );
    }

    /**
     * @param array<string, mixed> $record
     */
    private function entry(string $state, ?string $outcome, array $record): AuditEntry
    {
        return new AuditEntry(
            $this->id,
            $state,
            $outcome,
            ['timestamp' => $record['timestamp'] ?? $this->record['timestamp']] + $record,
            ...$this->identity,
        );
    }
}
