<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\StreamHead;

/**
 * A call whose response is read in pieces. Its record is written once: when the response ends, whole or not, when somebody cancels
 * or closes it, or when this object is destroyed.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 *
 * @internal
 */
final class StreamedCall
{
    /** Milliseconds between two questions to the signal. */
    private const PATIENCE = 50;

    /** Bytes that are asked for at once. */
    private const PIECE = 1 << 16;

    private ?AuditEntry $entry = null;
    private ?\Throwable $failure = null;
    private bool $isOver = false;

    /** A forked process leaves the calls of its parent alone. */
    private readonly int $process;

    /**
     * @param \Closure(int, AuditRecord|AuditText): AuditEntry $ended writes the record of a response with this status
     * @param \Closure(OutboundException): array{OutboundException, AuditEntry} $failed writes the record of a failure
     * @param \Closure(): void $interrupted writes the record of a call that ends by an exception of its caller
     */
    public function __construct(
        private readonly ExchangesInterface $transport,
        private readonly ExchangeInterface $exchange,
        private readonly ?CancellationSignal $signal,
        private readonly \Closure $ended,
        private readonly \Closure $failed,
        private readonly \Closure $interrupted,
    ) {
        $this->process = OpenCalls::process();
    }

    public function __destruct()
    {
        $this->abandon();
    }

    /**
     * The head of the response, which is waited for.
     *
     * @throws OutboundException
     * @throws \Throwable what the source of the request's body, or a signal handler, threw
     */
    public function head(): StreamHead
    {
        return $this->await(fn (): ?StreamHead => $this->exchange->head());
    }

    /**
     * The same without waiting.
     *
     * @return StreamHead|null null: not there yet
     * @throws OutboundException
     * @throws \Throwable as head()
     */
    public function headNow(): ?StreamHead
    {
        return $this->guarded(fn (): ?StreamHead => $this->exchange->head());
    }

    /**
     * The next bytes of the body, which are waited for; '' at the end of a body that is whole.
     *
     * @throws OutboundException
     * @throws \Throwable what the source of the request's body, or a signal handler, threw
     */
    public function read(): string
    {
        if ($this->isOver) {
            return $this->failure === null ? '' : throw $this->failure;
        }
        $bytes = $this->await(fn (): ?string => $this->exchange->read(self::PIECE));
        if ($bytes === '') {
            $this->complete();
        }
        return $bytes;
    }

    /**
     * The same without waiting.
     *
     * @return string|null null: nothing is there yet
     * @throws OutboundException
     * @throws \Throwable as read()
     */
    public function readNow(): ?string
    {
        if ($this->isOver) {
            return $this->failure === null ? '' : throw $this->failure;
        }
        $bytes = $this->guarded(fn (): ?string => $this->exchange->read(self::PIECE));
        if ($bytes === '') {
            $this->complete();
        }
        return $bytes;
    }

    /**
     * Waits until one of these calls has something, or has failed.
     *
     * @param list<self> $calls
     * @return list<self> those that have something
     */
    public static function waitFor(array $calls, int $milliseconds): array
    {
        $transports = [];
        foreach ($calls as $call) {
            $transports[spl_object_id($call->transport)][] = $call;
        }
        $ready = [];
        foreach ($transports as $ofOne) {
            $exchanges = array_map(static fn (self $call): ExchangeInterface => $call->exchange, $ofOne);
            // Each transport has its turn, since none knows of the others.
            $have = $ofOne[0]->transport->wait($exchanges, intdiv($milliseconds, count($transports)));
            foreach ($ofOne as $call) {
                if (in_array($call->exchange, $have, true)) {
                    $ready[] = $call;
                }
            }
        }
        return $ready;
    }

    /** Ends a call that has not ended. */
    public function cancel(): void
    {
        if (!$this->isOver) {
            $this->exchange->cancel();
            $this->settle('cancelled.requested', 'the caller has cancelled the call');
        }
    }

    /** The same for a response that nobody reads on. One of which nothing is missing but its end was read. */
    public function abandon(): void
    {
        if ($this->isOver || $this->process !== OpenCalls::process()) {
            return;
        }
        try {
            $this->transport->wait([$this->exchange], 0);
            if ($this->exchange->read(1) === '') {
                $this->complete();
                return;
            }
        } catch (\Throwable) {
            // The call has ended in another way, which nobody waits for.
        }
        $this->settle('cancelled.abandoned', 'the response was left before its end');
    }

    /**
     * Ends a call whose response cannot be accepted.
     *
     * @return OutboundException with the record of the call
     */
    public function refuse(OutboundException $failure): OutboundException
    {
        if ($this->isOver) {
            return $failure;
        }
        $this->settle($failure->errorCode(), $failure->reason());
        return $this->failure instanceof OutboundException ? $this->failure : $failure;
    }

    /** The entry of the call; null before its end. */
    public function entry(): ?AuditEntry
    {
        return $this->entry;
    }

    /**
     * @template T
     * @param \Closure(): (T|null) $ask null: not yet
     * @return T
     */
    private function await(\Closure $ask): mixed
    {
        return $this->guarded(function () use ($ask): mixed {
            while (true) {
                $said = $ask();
                if ($said !== null) {
                    return $said;
                }
                if ($this->signal?->isCancelled() === true) {
                    $this->exchange->cancel();
                } else {
                    $this->transport->wait([$this->exchange], self::PATIENCE);
                }
            }
        });
    }

    /**
     * @template T
     * @param \Closure(): T $step
     * @return T
     */
    private function guarded(\Closure $step): mixed
    {
        if ($this->failure !== null) {
            throw $this->failure;
        }
        try {
            return $step();
        } catch (OutboundException $failure) {
            throw $this->fail($failure);
        } catch (\Throwable $foreign) {
            // A signal handler of the caller, the signal or the source of the body has thrown it, and the caller expects it.
            [$this->isOver, $this->failure] = [true, $foreign];
            $this->exchange->end();
            ($this->interrupted)();
            throw $foreign;
        }
    }

    /**
     * @throws OutboundException internal.audit_failed
     */
    private function complete(): void
    {
        $this->isOver = true;
        try {
            $this->entry = ($this->ended)((int) $this->exchange->head()?->status, $this->exchange->end());
        } catch (OutboundException $failure) {
            throw $this->failure = $failure;
        }
    }

    private function settle(string $code, string $message): void
    {
        if ($this->isOver) {
            return;
        }
        $head = null;
        try {
            $head = $this->exchange->head();
        } catch (\Throwable) {
            // The call has ended in another way, which its record tells.
        }
        $record = AuditText::read($this->exchange->end());
        $class = (string) strstr($code, '.', true);
        $this->fail(OutboundException::create(
            $code,
            $message,
            sent: $record['sent'] ?? ($head === null ? 'maybe' : 'yes'),
            httpStatus: $head?->status,
            auditRecord: array_replace($record, ['error_class' => $class, 'error_code' => $code]),
        ));
    }

    private function fail(OutboundException $failure): OutboundException
    {
        $this->isOver = true;
        [$this->failure, $this->entry] = ($this->failed)($failure);
        return $this->failure;
    }
}
