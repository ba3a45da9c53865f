<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Credential\Redactor;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Net\Transfer;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\StreamHead;

/**
 * A call whose request may be sent. In every case it ends with an audit record, and with all secrets wiped that this code can
 * reach in memory.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
final class OpenCall
{
    /** Bytes of a body that are held before they are read; one slice that a content coding has made small comes on top. */
    private const ROOM = 1 << 19;

    private ?Transfer $transfer = null;
    private ?StreamHead $head = null;

    /** @var AuditRecord|null */
    private ?array $record = null;

    /**
     * @param bool $isCollected whether the response is wanted as a whole
     */
    public function __construct(
        private readonly Settings $settings,
        #[\SensitiveParameter] private readonly Prepared $prepared,
        private readonly Recorder $recorder,
        private readonly bool $isCollected,
    ) {
    }

    /**
     * Sends the request and receives the response.
     *
     * @return \Generator<int, int, mixed, void> yields how many milliseconds it would wait at most. An exception that is thrown
     *         into it ends the call
     * @throws OutboundException the end of the call
     */
    public function run(): \Generator
    {
        try {
            $attempts = new Attempts($this->settings, $this->prepared, $this->recorder);
            $this->transfer = yield from $attempts->run();
            yield from $this->receive($this->transfer);
        } catch (OutboundException $failure) {
            $this->record = $this->recorder->failed($failure);
            throw $failure->asEndOfCall(Retry::mayPass($failure, $this->prepared->isRepeatable), $this->record);
        } finally {
            $this->transfer?->close();
            $this->prepared->wipe();
        }
    }

    /** The head of the response once it is there. */
    public function head(): ?StreamHead
    {
        return $this->head;
    }

    /** The next bytes of a body that is read in pieces; '' if there are none now. */
    public function take(int $max): string
    {
        return (string) $this->transfer?->take($max);
    }

    /** Whether there are bytes to be taken. */
    public function isHeld(): bool
    {
        return $this->transfer?->body()?->isHeld() === true;
    }

    /**
     * The record of the call, which has ended.
     *
     * @return AuditRecord
     */
    public function record(): array
    {
        return $this->record ??= $this->recorder->failed(
            OutboundException::create('internal.interrupted', 'the call was left before its end', sent: 'maybe'),
        );
    }

    /** The response, if run() has ended without an exception. */
    public function response(): ResponseSpec
    {
        if ($this->head === null || $this->record === null) {
            throw new \LogicException('the call has not ended with a response');
        }
        $body = (string) $this->transfer?->body()?->bytes();
        return new ResponseSpec($this->head->status, $this->head->httpVersion, $this->head->headers, $body, $this->record);
    }

    /**
     * @return \Generator<int, int, mixed, void>
     * @throws OutboundException
     */
    private function receive(#[\SensitiveParameter] Transfer $transfer): \Generator
    {
        $head = $transfer->demandHead();
        try {
            $transfer->receive($this->prepared->responseBytes, $this->isCollected ? null : self::ROOM);
            $this->head = $this->headOf($head, $transfer->body()?->decodes() === true);
            $this->prepared->wipe();
            yield from $transfer->awaitEnd();
        } catch (OutboundException $failure) {
            $this->recorder->attemptEnded($failure->errorCode());
            throw $failure;
        }
        $this->recorder->attemptEnded($head->status >= 400 ? 'http_' . $head->status : null);
        $this->record = $this->recorder->responded($head->status);
    }

    private function headOf(#[\SensitiveParameter] ResponseHead $head, bool $decodes): StreamHead
    {
        $gone = $decodes ? ['content-encoding', 'content-length'] : [];
        $headers = [];
        foreach ($head->headers as [$name, $value]) {
            if (!in_array($name, $gone, true)) {
                // Servers repeat query parameters in Location. A value that the caller has set itself is not hidden: hiding it
                // would confirm that the caller has guessed the secret.
                $hides = $this->prepared->changes->redactor->finds($value)
                    && !in_array([$name, $value], $this->prepared->callersHeaders, true);
                $headers[] = [$name, $hides ? Redactor::REDACTED : $value];
            }
        }
        return new StreamHead($head->status, $head->httpVersion, $headers);
    }
}
