<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The callbacks of a transfer. They end it if the response is not acceptable or too large, or if its rest is not needed; they
 * pause it until somebody has decided that the body is read, and while the body has no room.
 *
 * @internal
 */
final class ResponseReader
{
    private ?BodyReader $body = null;
    private ?OutboundException $failure = null;
    private bool $isPaused = false;
    private bool $hasMoved = false;
    private bool $hasProgressed = false;

    public function __construct(private readonly HeadReader $reader)
    {
    }

    /** @return bool whether the transfer goes on */
    public function line(#[\SensitiveParameter] string $line): bool
    {
        if (!$this->reader->line($line)) {
            $this->failure = OutboundException::create('protocol.invalid', (string) $this->reader->fault());
        }
        $this->hasProgressed = $this->hasProgressed || $this->reader->status() !== null;
        $this->hasMoved = $this->hasMoved || $this->failure !== null || $this->reader->head() !== null;
        return $this->failure === null;
    }

    /** @return int as CURLOPT_WRITEFUNCTION has it: the length, CURL_WRITEFUNC_PAUSE, or -1 to end the transfer */
    public function chunk(#[\SensitiveParameter] string $chunk): int
    {
        $this->hasMoved = true;
        if ($this->body === null || !$this->body->hasRoom()) {
            $this->isPaused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        $this->hasProgressed = true;
        return $this->body->add($chunk) && !$this->body->isWhole() ? strlen($chunk) : -1;
    }

    /** The body is read from now on. */
    public function accept(BodyReader $body): void
    {
        $this->body = $body;
    }

    /** Whether libcurl holds bytes back that can be taken now; it is to be told to go on. */
    public function resumes(): bool
    {
        $resumes = $this->isPaused && $this->body?->hasRoom() === true;
        $this->isPaused = $this->isPaused && !$resumes;
        return $resumes;
    }

    /** Whether libcurl holds bytes back. */
    public function isPaused(): bool
    {
        return $this->isPaused;
    }

    public function head(): ?ResponseHead
    {
        return $this->reader->head();
    }

    public function body(): ?BodyReader
    {
        return $this->body;
    }

    /** The final response's status as soon as its first line was seen. */
    public function status(): ?int
    {
        return $this->reader->status();
    }

    /** "1.1" or "2", once any status line was seen. */
    public function version(): ?string
    {
        return $this->reader->version();
    }

    /** Why the head is not acceptable. */
    public function failure(): ?OutboundException
    {
        return $this->failure;
    }

    /** Whether there is something new for who waits: a head, bytes, or a failure. */
    public function hasMoved(): bool
    {
        $hasMoved = $this->hasMoved;
        $this->hasMoved = false;
        return $hasMoved;
    }

    /** Whether bytes of the final response have come since the last question. */
    public function hasProgressed(): bool
    {
        $hasProgressed = $this->hasProgressed;
        $this->hasProgressed = false;
        return $hasProgressed;
    }
}
