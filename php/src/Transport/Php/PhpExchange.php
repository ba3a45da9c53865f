<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\Php\Engine\OpenCall;
use Netresearch\NrVault\Transport\StreamHead;

/**
 * A call of PhpTransport that has begun.
 *
 * @internal
 */
final class PhpExchange implements ExchangeInterface
{
    /** @var \Generator<int, int, mixed, void> */
    private readonly \Generator $run;

    private ?\Throwable $failure = null;
    private bool $isOver = false;
    private bool $isHeadTold = false;

    public function __construct(
        #[\SensitiveParameter] private readonly OpenCall $call,
        private readonly bool $isCollected,
    ) {
        $this->run = $call->run();
        $this->step(fn () => $this->run->valid());
    }

    public function __destruct()
    {
        $this->end();
    }

    public function head(): ?StreamHead
    {
        $head = $this->isCollected && !$this->isOver ? null : $this->call->head();
        if ($this->failure !== null && ($head === null || $this->isCollected)) {
            throw $this->failure;
        }
        $this->isHeadTold = $head !== null;
        return $head;
    }

    public function read(int $max): ?string
    {
        if ($this->isCollected && !$this->isOver) {
            return null;
        }
        $bytes = $this->call->take($max);
        if ($bytes === '') {
            $this->advance();
            $bytes = $this->call->take($max);
        }
        if ($bytes !== '') {
            $this->isHeadTold = true;
            // The last bytes of a body end the call.
            $this->advance();
            return $bytes;
        }
        if ($this->failure !== null) {
            throw $this->failure;
        }
        return $this->isOver ? '' : null;
    }

    public function cancel(): void
    {
        $this->cut('cancelled.requested', 'the caller has cancelled the call');
    }

    public function end(): array
    {
        $this->cut('cancelled.abandoned', 'the response was left before its end');
        return $this->call->record();
    }

    /** Goes on as far as that is possible without waiting. */
    public function advance(): void
    {
        $this->step(fn () => $this->run->next());
    }

    /** Whether there is something to be asked for. */
    public function isReady(): bool
    {
        return $this->isOver
            || !$this->isCollected && ($this->call->isHeld() || !$this->isHeadTold && $this->call->head() !== null);
    }

    /** How many milliseconds it would wait at most. */
    public function patience(): int
    {
        return $this->isOver ? 0 : $this->run->current();
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['transport' => PhpTransport::NAME];
    }

    private function cut(string $code, string $message): void
    {
        $this->advance();
        $this->step(fn () => $this->run->throw(OutboundException::create($code, $message)));
    }

    /**
     * @param \Closure(): mixed $step of the generator
     */
    private function step(\Closure $step): void
    {
        if ($this->isOver) {
            return;
        }
        try {
            $step();
            $this->isOver = !$this->run->valid();
        } catch (\Throwable $failure) {
            $this->failure = $failure;
            $this->isOver = true;
        }
    }
}
