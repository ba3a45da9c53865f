<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Text\Uuid7;

/**
 * Makes the audit entries of one call. If the transport gives no record, the values known here are used.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
final class CallRecord
{
    /** Whether the service wants a record of every call. */
    public bool $isRequired = false;

    /** One of this number of successes is recorded. */
    public int $sample = 1;

    /** Whether the intent was written. */
    public bool $hasBegun = false;

    /** The value of "sent" if the call ended now. */
    public string $sent = 'no';

    /** @var \WeakReference<StreamedCall>|null what reads the response in pieces */
    public ?\WeakReference $stream = null;

    private readonly string $id;
    private readonly int $begun;

    /** Unix time in milliseconds. */
    private readonly int $clock;

    /** @var array{?string, ?string, string, ?string} actor type and id, caller, request id */
    private array $identity;

    private ?Decision $decision = null;

    /** @var array<CredentialReference> */
    private array $references = [];

    /**
     * @param string $serviceId as the caller gave it; an invalid id is not recorded
     * @param string $method as the caller gave it; an invalid method is not recorded
     */
    public function __construct(
        string $caller,
        private readonly string $serviceId,
        private readonly string $method,
        public readonly string $correlationId,
    ) {
        $this->id = Uuid7::generate();
        $this->begun = hrtime(true);
        $this->clock = (int) (microtime(true) * 1000);
        $this->identity = [null, null, $caller, null];
    }

    /** Notes who makes the call, according to the host. */
    public function madeBy(?CallContext $context): void
    {
        if ($context !== null) {
            $this->identity = [$context->actorType(), $context->actorId(), $this->identity[2], $context->requestId()];
        }
    }

    /** Notes what the transport decided, and the credentials that will be used. */
    public function decided(#[\SensitiveParameter] Decision $decision, CredentialReference ...$references): void
    {
        $this->decision = $decision;
        $this->references = $references;
    }

    public function intent(): AuditEntry
    {
        return $this->entry(AuditEntry::INTENT, null, $this->own());
    }

    /**
     * @param AuditRecord|AuditText $record the transport's
     */
    public function response(array|AuditText $record): AuditEntry
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
            'sent' => $failure->sent(),
        ];
        return $this->entry(
            AuditEntry::COMPLETE,
            $failure instanceof RequestRefused ? AuditEntry::REFUSED : AuditEntry::FAILED,
            $failure->auditRecord() ?? $own + $this->own(),
        );
    }

    /**
     * The values that are known without the transport.
     *
     * @return array<string, mixed>
     */
    private function own(): array
    {
        $record = [
            'service_id' => preg_match(ServiceDefinition::ID, $this->serviceId) === 1 ? $this->serviceId : null,
            'correlation_id' => $this->correlationId,
            'method' => preg_match('/\A[A-Z][A-Z0-9_-]{0,31}\z/', $this->method) === 1 ? $this->method : null,
            'credentials' => array_column($this->references, 'identifier'),
        ];
        if ($this->decision !== null) {
            $record['host'] = $this->decision->host;
            $record['port'] = $this->decision->port;
            $record['path_template'] = $this->decision->pathTemplate;
        }
        return $record;
    }

    /**
     * @param array<string, mixed>|AuditText $record
     */
    private function entry(string $state, ?string $outcome, array|AuditText $record): AuditEntry
    {
        if (is_array($record) && !isset($record['timestamp'])) {
            $record['timestamp'] = AuditShape::time($this->clock);
        }
        return new AuditEntry($this->id, $state, $outcome, $record, ...$this->identity);
    }
}
