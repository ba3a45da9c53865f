<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Rust;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BrokenBody;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\StreamHead;
use Netresearch\NrVault\Transport\Wire;

/**
 * A call of RustFfiTransport that has begun. The library stores it under a number.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final class RustExchange implements ExchangeInterface
{
    private ?StreamHead $head = null;

    private bool $isWhole = false;

    private ?\Throwable $failure = null;

    /** @var AuditRecord|null the record, once the call has ended */
    private ?array $record = null;

    /**
     * @param int $number of NativeLibrary::start()
     * @param Upload|null $upload the request's body, if it is read while it is sent
     */
    public function __construct(private readonly int $number, private readonly ?Upload $upload = null)
    {
    }

    public function __destruct()
    {
        try {
            $this->end();
        } catch (\RuntimeException) {
            // The library is not bound any more, and has ended the call itself.
        }
    }

    public function head(): ?StreamHead
    {
        if ($this->head !== null || $this->record !== null) {
            return $this->head ?? throw $this->failure();
        }
        $result = NativeLibrary::headOf($this->number);
        $this->check($result);
        if ($result['status'] === NativeLibrary::PENDING) {
            return null;
        }
        return $this->head = StreamHead::fromWire($result['head']);
    }

    public function read(int $max): ?string
    {
        if ($this->isWhole) {
            return '';
        }
        if ($this->record !== null) {
            throw $this->failure();
        }
        $result = NativeLibrary::read($this->number, $max);
        $this->check($result);
        $this->isWhole = $result['status'] === NativeLibrary::END;
        return $result['status'] === NativeLibrary::PENDING ? null : $result['body'];
    }

    public function cancel(): void
    {
        if ($this->record === null) {
            NativeLibrary::cancel($this->number);
        }
    }

    public function end(): array
    {
        if ($this->record === null) {
            try {
                $this->head();
            } catch (\Throwable $thrown) {
                // The failure of the exchange stays what head() and read() throw. Another one is a signal handler's.
                if ($thrown !== $this->failure && !$thrown instanceof OutboundException) {
                    throw $thrown;
                }
            }
            $result = NativeLibrary::endOf($this->number);
            $audit = Wire::decode($result['head'])['audit'] ?? null;
            $this->record = BrokenBody::record($this->upload?->failure(), AuditShape::of(is_array($audit) ? $audit : []));
        }
        return $this->record;
    }

    /**
     * Hands over as much of the request's body as there is room for.
     *
     * @throws \RuntimeException as NativeLibrary::write()
     */
    public function feed(): void
    {
        $this->upload?->feed($this->number);
    }

    /** Notes whether there is room for more of the request's body. */
    public function noteRoom(bool $hasRoom): void
    {
        $this->upload?->noteRoom($hasRoom);
    }

    /** The number, of a call that goes on as far as is known here. */
    public function number(): ?int
    {
        return $this->record === null ? $this->number : null;
    }

    /** Whether there is something that needs no waiting. */
    public function isReady(): bool
    {
        return $this->isWhole || $this->record !== null || $this->failure !== null;
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['number' => $this->number];
    }

    private function failure(): \Throwable
    {
        return $this->failure ??= OutboundException::create(
            $this->record['error_code'] ?? 'cancelled.abandoned',
            'the response was left before its end',
            sent: $this->record['sent'] ?? 'maybe',
            httpStatus: $this->record['status'] ?? null,
            auditRecord: $this->record,
        );
    }

    /**
     * Throws what a native call says of the failure of the exchange.
     *
     * @param array{status: int, head: string} $result
     */
    private function check(array $result): void
    {
        if ($result['status'] === NativeLibrary::FAILED) {
            throw $this->failure ??= BrokenBody::failure(
                $this->upload?->failure(),
                OutboundException::fromWire(Wire::decode($result['head'])),
            );
        }
        if ($result['status'] < 0) {
            throw OutboundException::create('internal.panic', 'the library does not know the exchange any more', sent: 'maybe');
        }
    }
}
