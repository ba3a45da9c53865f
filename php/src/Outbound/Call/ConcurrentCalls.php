<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ExchangeInterface;

/**
 * Several calls at once. Each ends with a record of its own, and those that have not ended when the loop is left are cancelled.
 *
 * @internal
 */
final class ConcurrentCalls
{
    /** Milliseconds between two questions to the signals. */
    private const PATIENCE = 50;

    /** The same where calls go through several transports, which wait one after the other. */
    private const IMPATIENCE = 5;

    /** @var array<int, array{array-key, PreparedCall, ExchangeInterface}> key of the call, by the id of the exchange */
    private array $open = [];

    /**
     * @param \Closure(mixed): PreparedCall $prepare decides on a call
     * @param int $most calls at once
     */
    public function __construct(
        private readonly Settlement $settlement,
        private readonly \Closure $prepare,
        private readonly int $most,
    ) {
    }

    /**
     * Makes the calls. The next one is asked for when it can begin, and each is handed over when it has ended.
     *
     * @param \Generator<array-key, mixed> $calls
     * @return \Generator<array-key, CallEnd|OutboundException>
     * @throws \Throwable what the generator, a signal or a signal handler throws
     */
    public function run(\Generator $calls): \Generator
    {
        try {
            for ($isTaken = false; true;) {
                while (count($this->open) < $this->most) {
                    if ($isTaken) {
                        $calls->next();
                        $isTaken = false;
                    }
                    if (!$calls->valid()) {
                        break;
                    }
                    $isTaken = true;
                    $failure = $this->begin($calls->key(), $calls->current());
                    if ($failure !== null) {
                        yield $calls->key() => $failure;
                    }
                }
                if ($this->open === []) {
                    return;
                }
                foreach ($this->ended() as [$key, $end]) {
                    yield $key => $end;
                }
            }
        } finally {
            foreach ($this->open as $id => [, $call, $exchange]) {
                unset($this->open[$id]);
                $exchange->cancel();
                $this->settle($call, $exchange);
            }
        }
    }

    /** Begins a call; its failure if it has not begun. */
    private function begin(int|string $key, #[\SensitiveParameter] mixed $item): ?OutboundException
    {
        try {
            $call = ($this->prepare)($item);
        } catch (OutboundException $refusal) {
            return $refusal;
        }
        try {
            $exchange = $call->begin(true);
        } catch (OutboundException $failure) {
            return $this->settlement->failed($call->number, $call->record, $failure)[0];
        } catch (\Throwable $foreign) {
            throw $this->interrupted($call, $foreign);
        }
        $this->open[spl_object_id($exchange)] = [$key, $call, $exchange];
        return null;
    }

    /**
     * Waits until calls have ended.
     *
     * @return list<array{array-key, CallEnd|OutboundException}>
     */
    private function ended(): array
    {
        $ended = [];
        foreach ($this->ready() as $id) {
            [$key, $call, $exchange] = $this->open[$id];
            $end = $this->settle($call, $exchange);
            if ($end !== null) {
                unset($this->open[$id]);
                $ended[] = [$key, $end];
            }
        }
        return $ended;
    }

    /**
     * @return list<int> the ids of exchanges that have something
     */
    private function ready(): array
    {
        $transports = [];
        foreach ($this->open as [, $call, $exchange]) {
            if ($call->signal?->isCancelled() === true) {
                $exchange->cancel();
            }
            $transport = $call->exchanges();
            $id = spl_object_id($transport);
            $transports[$id] = [$transport, [...$transports[$id][1] ?? [], $exchange]];
        }
        $ready = [];
        foreach ($transports as [$transport, $exchanges]) {
            $found = $transport->wait($exchanges, count($transports) === 1 ? self::PATIENCE : self::IMPATIENCE);
            $ready = [...$ready, ...array_map(spl_object_id(...), $found)];
        }
        return $ready;
    }

    /** How a call has ended, after its record; null if it has not. */
    private function settle(PreparedCall $call, ExchangeInterface $exchange): CallEnd|OutboundException|null
    {
        [$number, $record] = [$call->number, $call->record];
        try {
            $response = PreparedCall::collected($exchange);
            return $response === null ? null
                : new CallEnd($response, $this->settlement->ended($number, $record, $response->status, $response->record()));
        } catch (OutboundException $failure) {
            return $this->settlement->failed($number, $record, $failure)[0];
        } catch (\Throwable $foreign) {
            throw $this->interrupted($call, $foreign);
        }
    }

    /** What the caller expects, after the record of the call that it has ended. */
    private function interrupted(PreparedCall $call, #[\SensitiveParameter] \Throwable $foreign): \Throwable
    {
        if (OpenCalls::end($call->number)) {
            $this->settlement->interrupted($call->record);
        }
        return $foreign;
    }
}
