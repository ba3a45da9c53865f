<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BrokenBody;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\StreamHead;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\Wire;

/**
 * A call of SidecarTransport that has begun.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final class SidecarExchange implements ExchangeInterface
{
    /** How long the record of a call is waited for that is left before its end. */
    private const RECORD_NS = 1_000_000_000;

    /** How long the end of a call is waited for that is cancelled. */
    private const CANCEL_NS = 100_000_000;

    private ?StreamHead $head = null;

    private ?\Throwable $failure = null;

    private bool $isCancelled = false;

    /** @var AuditRecord|null the record, once the call has ended */
    private ?array $record = null;

    /**
     * @param bool $isCollected whether the response is wanted as a whole
     * @param \Closure(SidecarCall): SidecarCall $again begins the call once more, with a sidecar that has not processed it
     * @param \Closure(SidecarCall): OutboundException $lost the failure of a call whose connection is over
     */
    public function __construct(
        private SidecarCall $call,
        private readonly Upload $upload,
        private readonly bool $isCollected,
        private readonly CallTimes $times,
        private readonly \Closure $again,
        private readonly \Closure $lost,
    ) {
    }

    public function __destruct()
    {
        if ($this->record === null) {
            $this->call->connection->cancel($this->call, Frames::LEFT);
            $this->call->connection->leave($this->call);
        }
    }

    public function head(): ?StreamHead
    {
        if ($this->head === null) {
            if ($this->isCollected && $this->failure === null && !$this->call->isOver()) {
                return null;
            }
            if ($this->call->response === null || ($this->isCollected && $this->hasFailed())) {
                return $this->hasFailed() ? throw $this->failure() : null;
            }
            $this->head = StreamHead::fromWire($this->call->response);
        }
        return $this->head;
    }

    public function read(int $max): ?string
    {
        if ($this->call->body !== '' && (!$this->isCollected || $this->call->isOver()) && $this->record === null) {
            // Who has bytes has no more to learn of the head by waiting.
            $this->head();
            $bytes = $this->call->body;
            if ($max < strlen($bytes)) {
                $this->call->body = substr($bytes, $max);
                $bytes = substr($bytes, 0, $max);
            } else {
                $this->call->body = '';
            }
            if (!$this->isCollected) {
                $this->call->credit(strlen($bytes));
            }
            return $bytes;
        }
        if ($this->hasFailed()) {
            throw $this->failure();
        }
        return $this->call->end !== null && $this->call->isWhole ? '' : null;
    }

    public function cancel(): void
    {
        if ($this->record === null && $this->failure === null && !$this->call->isOver()) {
            $this->isCancelled = true;
            $this->call->connection->cancel($this->call, Frames::CANCELLED);
            // What comes of the body meanwhile can be read.
            $until = (int) hrtime(true) + self::CANCEL_NS;
            while (!$this->call->isOver() && $this->call->connection->turn($until)) {
                continue;
            }
        }
    }

    public function end(): array
    {
        if ($this->record === null) {
            $connection = $this->call->connection;
            if (!$this->call->isOver() && $this->failure === null && !$this->isCancelled) {
                $connection->cancel($this->call, Frames::LEFT);
            }
            $until = (int) hrtime(true) + self::RECORD_NS;
            while (!$this->call->isOver() && $connection->turn($until)) {
                // What comes of the body meanwhile is not wanted.
                $this->call->body = '';
                $this->call->credit($this->call->uncounted);
            }
            $connection->leave($this->call);
            $this->record = $this->told();
        }
        return $this->record;
    }

    /** Sends more of the request, and looks at what has become of it. */
    public function advance(): void
    {
        if ($this->isReady()) {
            return;
        }
        try {
            if ($this->call->isUntaken() && $this->upload->isRepeatable()) {
                $this->call = ($this->again)($this->call);
            }
            while (!$this->upload->isOver() && !$this->call->isOver() && $this->call->connection->hasRoom()) {
                $frames = $this->upload->frames($this->call);
                if ($frames === '') {
                    break;
                }
                $this->call->connection->put($frames);
            }
            if ($this->upload->failure() !== null && !$this->isCancelled) {
                $this->isCancelled = true;
                $this->call->connection->cancel($this->call, Frames::BROKEN_OFF);
            }
        } catch (\Throwable $failure) {
            $this->fail($failure);
            return;
        }
        if ($this->isCollected && $this->call->uncounted > 0) {
            $this->call->credit($this->call->uncounted);
            // PHP copies a string that grows.
            if (strlen($this->call->body) + Frames::PAYLOAD_BYTES > MemoryLimit::room() && $this->call->response !== null) {
                $this->call->body = '';
                $this->fail(ResponseSpec::tooLarge($this->call->response));
            }
        }
        if ($this->times->isOver($this->call) && !$this->isReady()) {
            $this->fail($this->times->failure($this->call));
        }
    }

    /** Whether there is something that needs no waiting. */
    public function isReady(): bool
    {
        return $this->failure !== null || $this->record !== null
            || ($this->call->isOver() && !($this->call->isUntaken() && $this->upload->isRepeatable()))
            || (!$this->isCollected && (($this->call->response !== null && $this->head === null) || $this->call->body !== ''));
    }

    /** The connection that it is waited for on, and the time of hrtime() until which nothing need be done. */
    public function connection(): Connection
    {
        return $this->call->connection;
    }

    public function until(): int
    {
        return $this->times->until($this->call);
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['id' => $this->call->id];
    }

    private function fail(\Throwable $failure): void
    {
        $this->failure = $failure;
        $this->call->connection->cancel($this->call, Frames::LEFT);
        $this->call->connection->leave($this->call);
    }

    private function hasFailed(): bool
    {
        return $this->failure !== null || $this->record !== null || $this->call->lost !== null
            || ($this->call->end !== null && !$this->call->isWhole);
    }

    private function failure(): \Throwable
    {
        return $this->failure ??= match (true) {
            $this->record !== null => $this->left($this->record),
            $this->call->end !== null => BrokenBody::failure($this->upload->failure(), $this->ofEnd($this->call->end)),
            default => $this->upload->failure() ?? ($this->lost)($this->call),
        };
    }

    private function ofEnd(string $end): OutboundException
    {
        $wire = Wire::decode($end);
        if (($wire['error'] ?? null) !== null || !is_array($wire['audit'] ?? null)) {
            return OutboundException::fromWire($wire);
        }
        // It had ended well, and of its body not all was sent because it was cancelled.
        return $this->left(array_replace(
            AuditShape::of($wire['audit']),
            ['error_class' => 'cancelled', 'error_code' => $this->isCancelled ? 'cancelled.requested' : 'cancelled.abandoned'],
        ));
    }

    /**
     * The failure of a call that was left before its end.
     *
     * @param AuditRecord $record
     */
    private function left(array $record): OutboundException
    {
        return OutboundException::create(
            $record['error_code'] ?? 'cancelled.abandoned',
            'the response was left before its end',
            sent: $record['sent'] ?? 'maybe',
            httpStatus: $record['status'] ?? null,
            auditRecord: $record,
        );
    }

    /**
     * @return AuditRecord
     */
    private function told(): array
    {
        $audit = $this->failure instanceof OutboundException ? $this->failure->auditRecord() : null;
        if ($audit !== null) {
            return $audit;
        }
        $audit = $this->call->end === null ? null : (Wire::decode($this->call->end) ?? [])['audit'] ?? null;
        $record = BrokenBody::record($this->upload->failure(), AuditShape::of(is_array($audit) ? $audit : []));
        $failure = $this->failure ?? ($audit === null ? ($this->lost)($this->call) : null);
        return $failure instanceof OutboundException
            ? array_replace($record, [
                'error_class' => $failure->errorClass(),
                'error_code' => $failure->errorCode(),
                'status' => $failure->httpStatus(),
                'sent' => $failure->sent(),
            ])
            : $record;
    }
}
