<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;

/**
 * The callbacks of a transfer. They end it if the response is not acceptable or too large, or if its rest is not needed.
 *
 * @internal
 */
final class ResponseReader
{
    private ?Verdict $verdict = null;
    private ?BodyReader $body = null;
    private ?OutboundException $failure = null;

    /**
     * @param \Closure(ResponseHead): Verdict $judge called when the head is complete
     */
    public function __construct(
        private readonly HeadReader $reader,
        private readonly string $method,
        private readonly ByteLimit $cap,
        private readonly Deadline $deadline,
        private readonly \Closure $judge,
    ) {
    }

    /** @return bool whether the transfer goes on */
    public function line(#[\SensitiveParameter] string $line): bool
    {
        if (!$this->reader->line($line)) {
            $this->failure = OutboundException::create('protocol.invalid', (string) $this->reader->fault());
            return false;
        }
        $head = $this->reader->head();
        if ($head === null || $this->verdict !== null) {
            return true;
        }
        $this->verdict = ($this->judge)($head);
        // A response without a body is complete. After a HEAD request that has a body itself, libcurl would wait for one.
        if (!$this->verdict->wantsBody || $head->isBodiless($this->method)) {
            return false;
        }
        try {
            $this->body = new BodyReader($head, $this->cap, $this->deadline);
        } catch (OutboundException $failure) {
            $this->failure = $failure;
            return false;
        }
        return !$this->isWhole();
    }

    /** @return bool whether the transfer goes on */
    public function chunk(#[\SensitiveParameter] string $chunk): bool
    {
        return ($this->body?->add($chunk) ?? false) && !$this->isWhole();
    }

    /** Body bytes received, before decoding. */
    public function arrived(): int
    {
        return $this->body?->arrived() ?? 0;
    }

    /**
     * @throws OutboundException
     */
    public function response(TransferEnd $end): Response
    {
        if ($this->failure !== null) {
            throw $this->failure->withSent($end->sent(), $end->status);
        }
        $head = $this->reader->head();
        if ($head !== null && $this->verdict !== null && $this->body === null) {
            return new Response($head, $this->verdict, null);
        }
        $own = $this->body?->failure();
        if ($own !== null && $end->error === CURLE_WRITE_ERROR) {
            // This class has ended the transfer. A truncated body may also fail to decode, but the truncation is the cause.
            throw $own->withSent($end->sent(), $end->status);
        }
        $failure = ($this->isWhole() ? null : Classifier::failure($end)) ?? $own?->withSent($end->sent(), $end->status);
        if ($failure !== null || $head === null || $this->verdict === null) {
            throw $failure ?? OutboundException::create('internal.panic', 'a head is missing', sent: $end->sent());
        }
        return new Response($head, $this->verdict, $this->body);
    }

    /** Over HTTP/2 libcurl does not end before it has sent the request, which a server that has responded may never read. */
    private function isWhole(): bool
    {
        return $this->body?->isWhole() ?? false;
    }
}
