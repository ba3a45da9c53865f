<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;

/**
 * A request that is being sent, and its response. The head comes first; whoever gets it decides whether the body is read or the
 * connection closed. What waits is a generator that yields how many milliseconds it would wait at most.
 *
 * @internal
 */
final class Transfer
{
    private ?\CurlHandle $handle;
    private bool $hasEnded = false;
    private ?TransferEnd $end = null;

    /** The value of Transfers::waited() when the last bytes came. */
    private int $progressed;

    /**
     * @param bool $connectIsTimed whether connecting has less time than the whole
     */
    public function __construct(
        private readonly Transfers $transfers,
        \CurlHandle $handle,
        private readonly ResponseReader $reader,
        private readonly Outgoing $outgoing,
        private readonly Route $route,
        private readonly TimeLimits $limits,
        private readonly bool $connectIsTimed,
        private readonly Usage $usage,
    ) {
        $this->handle = $handle;
        $this->progressed = $transfers->waited();
        $transfers->add($handle, $this);
    }

    /**
     * Waits for the head, or for the end of a transfer that has none.
     *
     * @return \Generator<int, int, mixed, void>
     * @throws OutboundException what ends the call from outside, with the "sent" of this transfer
     */
    public function awaitHead(): \Generator
    {
        yield from $this->await(fn (): bool => $this->hasEnded || $this->head() !== null || $this->reader->failure() !== null);
        if ($this->head() === null) {
            $this->close();
        }
    }

    /** Whether no connection was made, so that another address may be tried. */
    public function isUnconnected(): bool
    {
        $end = $this->end;
        return $end !== null && $end->peer === ''
            && in_array($end->error, [CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEOUTED], true);
    }

    /**
     * The head, once it was waited for.
     *
     * @throws OutboundException why there is none that is acceptable
     * @throws \Throwable what the source of the request's body threw
     */
    public function demandHead(): ResponseHead
    {
        $this->checkPeer();
        [$head, $failure] = [$this->head(), $this->reader->failure()];
        if ($head !== null && $failure === null) {
            return $head;
        }
        $end = $this->close();
        $this->checkUpload($end);
        throw $failure?->withSent($end->sent(), $end->status) ?? Classifier::failure($end)
            ?? OutboundException::create('internal.panic', 'a head is missing', sent: $end->sent());
    }

    public function head(): ?ResponseHead
    {
        return $this->reader->head();
    }

    /**
     * Decides that the body is read.
     *
     * @param ByteLimit $cap of the body
     * @param int|null $room bytes of it that are held at most before they are taken; null: all
     * @throws OutboundException
     */
    public function receive(ByteLimit $cap, ?int $room = null): void
    {
        $head = $this->head();
        // A response without a body is complete. After a HEAD request that has a body itself, libcurl would wait for one.
        if ($head === null || $head->isBodiless($this->outgoing->method)) {
            $this->close();
            return;
        }
        try {
            $this->reader->accept(new BodyReader($head, $cap, $this->limits->total, $room));
        } catch (OutboundException $failure) {
            $end = $this->close();
            throw $failure->withSent($end->sent(), $end->status);
        }
        $this->resume();
    }

    /**
     * Waits for the end of the body; of one that is read in pieces, until the last byte was taken.
     *
     * @return \Generator<int, int, mixed, void>
     * @throws OutboundException why the body is not whole, or what ends the call from outside
     * @throws \Throwable what the source of the request's body threw
     */
    public function awaitEnd(): \Generator
    {
        $body = $this->reader->body();
        if ($body === null) {
            return;
        }
        yield from $this->await(fn (): bool => $this->isReceived($body));
        $end = $this->close();
        try {
            while ($body->isHeld()) {
                yield PHP_INT_MAX;
            }
        } catch (OutboundException $cut) {
            throw $cut->withSent($end->sent(), $end->status);
        }
        if (!$body->isWhole()) {
            $this->checkUpload($end);
        }
        // Of trailer fields.
        $failure = $this->reader->failure();
        $own = $body->failure();
        if ($failure !== null) {
            throw $failure->withSent($end->sent(), $end->status);
        }
        if ($own !== null && $end->error === CURLE_WRITE_ERROR) {
            // The callbacks have ended the transfer. A truncated body may also fail to decode, but the truncation is the cause.
            throw $own->withSent($end->sent(), $end->status);
        }
        $failure = ($body->isWhole() ? null : Classifier::failure($end)) ?? $own?->withSent($end->sent(), $end->status);
        if ($failure !== null) {
            throw $failure;
        }
    }

    /** The next bytes of a body that is read in pieces; '' if there are none now. */
    public function take(int $max): string
    {
        $bytes = (string) $this->reader->body()?->take($max);
        $this->resume();
        return $bytes;
    }

    /** The body, if it is read. */
    public function body(): ?BodyReader
    {
        return $this->reader->body();
    }

    /** Called when libcurl reports the end. */
    public function ended(): void
    {
        $this->hasEnded = true;
    }

    /** Whether there is something new since the last question. */
    public function hasMoved(): bool
    {
        return $this->reader->hasMoved() || $this->hasEnded;
    }

    /** Ends the transfer, and closes its connection. */
    public function close(): TransferEnd
    {
        return $this->finish(null);
    }

    /**
     * @param \Closure(): bool $isOver
     * @return \Generator<int, int, mixed, void>
     */
    private function await(\Closure $isOver): \Generator
    {
        try {
            while (!$isOver()) {
                $left = $this->left();
                if ($left <= 0) {
                    $this->finish(CURLE_OPERATION_TIMEOUTED);
                    return;
                }
                yield $left;
            }
        } catch (OutboundException $cut) {
            $end = $this->close();
            throw $cut->withSent($end->sent(), $end->status);
        }
    }

    /**
     * Milliseconds that may still be waited.
     *
     * @throws OutboundException timeout.idle
     */
    private function left(): int
    {
        // While libcurl holds bytes back, nothing can come.
        $upload = $this->outgoing->body instanceof Upload && $this->outgoing->body->hasProgressed();
        if ($this->reader->hasProgressed() || $this->reader->isPaused() || $upload) {
            $this->progressed = $this->transfers->waited();
        }
        $body = $this->reader->body();
        $left = $this->limits->left($body !== null && $body->arrived() > 0);
        if ($this->limits->idleMs === null) {
            return $left;
        }
        $idle = intdiv($this->transfers->waited() - $this->progressed, 1_000_000);
        if ($idle >= $this->limits->idleMs) {
            throw OutboundException::create('timeout.idle', 'nothing came for too long');
        }
        return min($left, $this->limits->idleMs - $idle);
    }

    private function isReceived(BodyReader $body): bool
    {
        // Over HTTP/2 libcurl does not end before it has sent the request, which a server that has responded may never read.
        return $this->hasEnded || $this->end !== null || $body->isWhole() || $body->hasFailed();
    }

    private function resume(): void
    {
        if ($this->handle !== null && $this->reader->resumes()) {
            curl_pause($this->handle, CURLPAUSE_CONT);
        }
    }

    /**
     * @param int|null $error CURLE_…, in place of libcurl's own
     */
    private function finish(?int $error): TransferEnd
    {
        $handle = $this->handle;
        if ($this->end !== null || $handle === null) {
            return $this->end ?? new TransferEnd($error ?? CURLE_OK);
        }
        $body = $this->outgoing->body;
        $this->handle = null;
        $this->end = $this->ending($handle, $error);
        if ($this->end->begun) {
            $this->usage->add(
                // libcurl counts the chunked coding as well.
                $body instanceof Upload ? $body->taken() : curl_getinfo($handle, CURLINFO_SIZE_UPLOAD_T),
                $this->reader->body()?->arrived() ?? 0,
                $this->end->peer,
                $this->reader->version() ?? ($this->outgoing->isSecure() ? null : '1.1'),
            );
        }
        $this->transfers->remove($handle);
        return $this->end;
    }

    private function ending(\CurlHandle $handle, ?int $error): TransferEnd
    {
        return new TransferEnd(
            $error ?? curl_errno($handle),
            curl_error($handle),
            curl_getinfo($handle, CURLINFO_OS_ERRNO),
            curl_getinfo($handle, CURLINFO_PRETRANSFER_TIME_T) > 0,
            $this->reader->status(),
            $this->head() !== null,
            $this->route->proxy !== null,
            curl_getinfo($handle, CURLINFO_HTTP_CONNECTCODE),
            curl_getinfo($handle, CURLINFO_SSL_VERIFYRESULT),
            $this->connectIsTimed,
            curl_getinfo($handle, CURLINFO_PRIMARY_IP),
        );
    }

    /**
     * @throws \Throwable why the request's body could not be sent
     */
    private function checkUpload(TransferEnd $end): void
    {
        $failure = $this->outgoing->body instanceof Upload ? $this->outgoing->body->failure() : null;
        if ($failure !== null) {
            throw $failure instanceof OutboundException ? $failure->withSent($end->sent(), $end->status) : $failure;
        }
    }

    /**
     * libcurl may only use the given addresses; this checks that it has used one of them.
     *
     * @throws OutboundException policy.address_not_allowed
     */
    private function checkPeer(): void
    {
        $text = $this->end->peer ?? '';
        if ($this->handle !== null) {
            $text = curl_getinfo($this->handle, CURLINFO_PRIMARY_IP);
        }
        if ($text === '') {
            return;
        }
        $peer = Address::parse($text);
        foreach ($this->route->addresses as $address) {
            if ($peer !== null && $peer->equals($address)) {
                return;
            }
        }
        $end = $this->close();
        throw OutboundException::create(
            'policy.address_not_allowed',
            'the connection was made to an address that was not judged',
            sent: $end->sent(),
            httpStatus: $end->status,
        );
    }
}
