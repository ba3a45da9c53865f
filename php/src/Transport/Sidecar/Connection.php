<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The socket of this process to the sidecar, and the calls that are under way on it.
 *
 * While there are any, its stream does not block: that is the mark by which the next PHP request sees that the last one was left in
 * the middle (ConnectionOpener).
 *
 * @internal
 */
final class Connection
{
    private const READ = Frames::PAYLOAD_BYTES + Frames::HEAD_BYTES;

    /** How often waiting looks at what a signal's handler may have done. */
    private const LOOK_US = 100_000;

    /** What has come and is no whole frame yet, and what could not be written yet. */
    private string $in = '';
    private string $out = '';

    /** The highest id that the sidecar says it has taken; null until it has said so, and then it takes nothing more. */
    private ?int $taken = null;

    private bool $isMarked = false;

    private bool $hasSpoken = false;

    /** @var array<int, SidecarCall> */
    private array $calls = [];

    private readonly int $process;

    /**
     * @param resource $stream
     */
    public function __construct(private $stream)
    {
        $this->process = (int) getmypid();
    }

    /** Whether a new call can be made on it. */
    public function isUsable(): bool
    {
        return $this->isOpen() && $this->taken === null;
    }

    /** Whether it was not closed, and belongs to this process. */
    public function isOpen(): bool
    {
        return is_resource($this->stream) && getmypid() === $this->process;
    }

    /** Marks it, and begins a call, whose frames go to this object. */
    public function enter(int $id): SidecarCall
    {
        $this->mark();
        return $this->calls[$id] = new SidecarCall($this, $id);
    }

    /** Whether anything has come. */
    public function hasSpoken(): bool
    {
        return $this->hasSpoken;
    }

    /** Whether the call goes on here. */
    public function has(#[\SensitiveParameter] SidecarCall $call): bool
    {
        return ($this->calls[$call->id] ?? null) === $call && $this->isOpen();
    }

    /** Ends a call here: later frames of it are dropped. The mark goes with the last one. */
    public function leave(#[\SensitiveParameter] SidecarCall $call): void
    {
        if (($this->calls[$call->id] ?? null) !== $call) {
            return;
        }
        unset($this->calls[$call->id]);
        if ($this->calls !== [] || !$this->isOpen()) {
            return;
        }
        if ($this->taken !== null) {
            $this->close();
        } elseif ($this->in === '' && $this->out === '') {
            $this->unmark();
        }
    }

    /**
     * Says that a call is not wanted any more.
     *
     * @param string $why one of the reasons in Frames
     */
    public function cancel(#[\SensitiveParameter] SidecarCall $call, string $why): void
    {
        if ($this->has($call)) {
            $this->put(Frames::cancel($call->id, $why));
        }
    }

    /** Leaves a call that the sidecar says nothing of, and the connection if nobody else uses it. */
    public function giveUp(#[\SensitiveParameter] SidecarCall $call): void
    {
        if ($this->has($call) && count($this->calls) === 1) {
            $this->close();
        }
        $this->leave($call);
    }

    private function mark(): void
    {
        if (!$this->isMarked) {
            stream_set_blocking($this->stream, false);
            $this->isMarked = true;
        }
    }

    private function unmark(): void
    {
        if ($this->isMarked) {
            stream_set_blocking($this->stream, true);
            $this->isMarked = false;
        }
    }

    /** The end of it, and of what is under way on it. */
    public function close(bool $isLate = false): void
    {
        $calls = $this->calls;
        $this->calls = [];
        foreach ($calls as $call) {
            $call->lost = new ConnectionLost($this->taken, $isLate);
        }
        if (is_resource($this->stream)) {
            $stream = $this->stream;
            Quiet::call(static fn (): bool => fclose($stream));
        }
    }

    /** Whether so little is left to be written that more may be put in. */
    public function hasRoom(): bool
    {
        return strlen($this->out) < Frames::BURST;
    }

    /** Writes frames as far as the socket takes them now; the rest goes out in turn(). */
    public function put(#[\SensitiveParameter] string $frames): void
    {
        $this->out = $this->out === '' ? $frames : $this->out . $frames;
        $this->flush();
    }

    /**
     * Waits until something has come or was written, at most until this time of hrtime(). It may return before.
     *
     * @return bool false if the time is over
     */
    public function turn(int $until): bool
    {
        return self::turnAny([$this], $until);
    }

    /**
     * The same of several.
     *
     * @param list<self> $connections
     * @param int $until 0: nothing is waited for
     */
    public static function turnAny(#[\SensitiveParameter] array $connections, int $until): bool
    {
        $left = $until === 0 ? 0 : intdiv($until - (int) hrtime(true), 1000);
        [$read, $write, $except] = [[], [], []];
        foreach ($connections as $key => $connection) {
            if ($connection->isOpen()) {
                $read[$key] = $connection->stream;
                if ($connection->out !== '') {
                    $write[$key] = $connection->stream;
                }
            }
        }
        if ($read === [] || ($left <= 0 && $until !== 0)) {
            return false;
        }
        $left = min($left, self::LOOK_US);
        $found = Quiet::call(static function () use (&$read, &$write, &$except, $left): mixed {
            return stream_select($read, $write, $except, 0, $left);
        });
        if ($found === false || $found === 0) {
            // A signal came, or the time is not over yet: whoever waits looks again.
            return true;
        }
        foreach ($connections as $key => $connection) {
            if (isset($write[$key])) {
                $connection->flush();
            }
            if (isset($read[$key])) {
                $connection->receive();
            }
        }
        return true;
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['calls' => array_keys($this->calls)];
    }

    private function flush(): void
    {
        while ($this->out !== '' && is_resource($this->stream)) {
            $written = Quiet::call(fn () => fwrite($this->stream, $this->out));
            if ($written === false || ($written === 0 && feof($this->stream))) {
                $this->out = '';
                $this->farewell();
                return;
            }
            if ($written === 0) {
                return;
            }
            $this->out = $written === strlen($this->out) ? '' : substr($this->out, $written);
        }
    }

    /** Reads what has come. */
    private function receive(): void
    {
        $bytes = Quiet::call(fn () => fread($this->stream, self::READ));
        if (!is_string($bytes) || ($bytes === '' && feof($this->stream))) {
            $this->close();
            return;
        }
        $this->hasSpoken = true;
        $this->in = $this->in === '' ? $bytes : $this->in . $bytes;
        $this->dispatch();
    }

    /** Gives whole frames to their calls. Those of another id belong to calls that are over. */
    private function dispatch(): void
    {
        [$at, $length] = [0, strlen($this->in)];
        while ($length - $at >= Frames::HEAD_BYTES) {
            $head = Frames::head(substr($this->in, $at, Frames::HEAD_BYTES));
            if ($head === null) {
                $this->close();
                return;
            }
            $end = $at + Frames::HEAD_BYTES + $head['length'];
            if ($end > $length) {
                break;
            }
            $payload = substr($this->in, $at + Frames::HEAD_BYTES, $head['length']);
            $at = $end;
            if ($head['kind'] === Frames::BYE) {
                $this->bye(Frames::number($payload));
            } elseif (isset($this->calls[$head['id']]) && !$this->calls[$head['id']]->take($head['kind'], $head['last'], $payload)) {
                $this->close();
                return;
            }
        }
        $this->in = $at === $length ? '' : substr($this->in, $at);
    }

    /** It takes nothing more: what is above this id was not processed. */
    private function bye(int $taken): void
    {
        $this->taken = $taken;
        foreach ($this->calls as $id => $call) {
            if ($id > $taken || !$call->isHandedOver) {
                unset($this->calls[$id]);
                $call->lost = new ConnectionLost($taken);
            }
        }
        if ($this->calls === []) {
            $this->close();
        }
    }

    /** After a failed write: what the sidecar had said before it closed. */
    private function farewell(): void
    {
        do {
            $bytes = Quiet::call(fn () => fread($this->stream, self::READ));
            if (is_string($bytes) && $bytes !== '') {
                $this->in .= $bytes;
                $this->dispatch();
            }
        } while (is_string($bytes) && $bytes !== '' && is_resource($this->stream));
        $this->close();
    }
}
