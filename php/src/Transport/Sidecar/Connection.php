<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\Wire;

/**
 * The socket of this process to the sidecar, which PHP keeps from one PHP request to the next.
 *
 * While something is under way on it, its stream does not block: that is the mark by which the next PHP request sees that the last
 * one was left in the middle, whatever ended it, and closes it. PHP code that would set a mark may not have run, but PHP
 * keeps the mode of the stream. The name of the stream has the number of the process, so a forked child opens one of its own.
 *
 * @internal
 */
final class Connection
{
    /** Errors after which connecting may succeed a moment later: the daemon starts, restarts or has a full queue. */
    private const PASSING = ['EAGAIN' => 11, 'ECONNREFUSED' => 111, 'ENOENT' => 2];

    private const EACCES = 13;

    private const PAUSE_US = 5_000;

    /** How often a connection may end before it has greeted. */
    private const TRIES = 20;

    private const GREETING_NS = 5_000_000_000;

    /** @var array<string, int> the highest id of this PHP request on each socket */
    private static array $ids = [];

    private string $pending = '';

    /**
     * @param resource $stream
     */
    private function __construct(private $stream, private readonly string $socket, private readonly int $process)
    {
    }

    /**
     * The connection that there is, or a new one.
     *
     * @param int $until time of hrtime() until which connecting is tried
     * @throws OutboundException configuration.transport_unavailable
     */
    public static function open(string $socket, int $until): self
    {
        for ($tries = 1;; $tries++) {
            $stream = self::connect($socket, $until);
            $isNew = ftell($stream) === 0;
            if (self::isLeft($stream, $isNew)) {
                self::end($stream);
                continue;
            }
            $connection = new self($stream, $socket, (int) getmypid());
            if (!$isNew) {
                return $connection;
            }
            stream_set_chunk_size($stream, Frames::PAYLOAD_BYTES + Frames::HEAD_BYTES);
            $connection->begin();
            try {
                $connection->greet(min($until, (int) hrtime(true) + self::GREETING_NS));
            } catch (ConnectionLost $lost) {
                $connection->close();
                if ($lost->isLate || $tries >= self::TRIES) {
                    throw self::unavailable($socket, 'does not greet: this user is none of its callers, or has all its connections');
                }
                self::pause();
                continue;
            }
            $connection->done();
            return $connection;
        }
    }

    /** Whether it can be used: it was not closed, and belongs to this process. */
    public function isOpen(): bool
    {
        return is_resource($this->stream) && getmypid() === $this->process;
    }

    /** An id that is higher than all before it on this socket, in earlier PHP requests as well. */
    public function nextId(): int
    {
        return self::$ids[$this->socket] = max((int) hrtime(true), (self::$ids[$this->socket] ?? 0) + 1);
    }

    /** Whether no later call has begun on the socket since the one with this id. */
    public function isLatest(int $id): bool
    {
        return (self::$ids[$this->socket] ?? 0) === $id;
    }

    /** Marks it: something is under way. */
    public function begin(): void
    {
        stream_set_blocking($this->stream, false);
    }

    /** Takes the mark away, if everything that was under way has been read. */
    public function done(): void
    {
        if ($this->pending === '') {
            stream_set_blocking($this->stream, true);
        }
    }

    /** Waits a moment before the next try. */
    public static function pause(): void
    {
        usleep(self::PAUSE_US);
    }

    public function close(): void
    {
        if (is_resource($this->stream)) {
            self::end($this->stream);
        }
    }

    /**
     * @throws ConnectionLost with what the sidecar had said before
     */
    public function write(#[\SensitiveParameter] string $bytes, int $until): void
    {
        for ($at = 0; $at < strlen($bytes); $at += $written) {
            $written = Quiet::call(fn () => fwrite($this->stream, $at === 0 ? $bytes : substr($bytes, $at)));
            if ($written === false || ($written === 0 && feof($this->stream))) {
                throw $this->farewell($until);
            }
            if ($written === 0) {
                $this->wait(false, $until);
            }
        }
    }

    /**
     * The next frame.
     *
     * @return array{kind: int, last: bool, length: int, id: int, payload: string}
     * @throws ConnectionLost
     */
    public function frame(int $until): array
    {
        $head = Frames::head($this->read(Frames::HEAD_BYTES, $until));
        if ($head === null) {
            throw new ConnectionLost();
        }
        $payload = $this->read($head['length'], $until);
        if ($head['kind'] === Frames::BYE) {
            throw new ConnectionLost(Frames::number($payload));
        }
        return $head + ['payload' => $payload];
    }

    /**
     * The next document of a kind. Frames of another id are those of a call that is over, and credit may still come for a body that
     * was written.
     *
     * @throws ConnectionLost
     */
    public function document(int $kind, int $id, int $until): string
    {
        $document = '';
        do {
            $frame = $this->frame($until);
            $isIts = $frame['id'] === $id && $frame['kind'] !== Frames::CREDIT;
            if ($isIts && $frame['kind'] !== $kind) {
                throw new ConnectionLost();
            }
            $document .= $isIts ? $frame['payload'] : '';
        } while (!$isIts || !$frame['last']);
        return $document;
    }

    /**
     * @throws ConnectionLost
     */
    private function read(int $length, int $until): string
    {
        for (; strlen($this->pending) < $length; $this->pending .= $bytes) {
            $bytes = Quiet::call(fn () => fread($this->stream, Frames::PAYLOAD_BYTES + Frames::HEAD_BYTES));
            if ($bytes === false || ($bytes === '' && feof($this->stream))) {
                throw new ConnectionLost();
            }
            if ($bytes === '') {
                $this->wait(true, $until);
            }
        }
        $read = substr($this->pending, 0, $length);
        $this->pending = substr($this->pending, $length);
        return $read;
    }

    /**
     * Waits until the stream can be read or written. A signal's handler may end it earlier.
     *
     * @throws ConnectionLost
     */
    private function wait(bool $isRead, int $until): void
    {
        $left = intdiv($until - (int) hrtime(true), 1000);
        if ($left <= 0) {
            throw new ConnectionLost(null, true);
        }
        $read = $isRead ? [$this->stream] : [];
        $write = $isRead ? [] : [$this->stream];
        $except = [];
        Quiet::call(static function () use (&$read, &$write, &$except, $left): mixed {
            return stream_select($read, $write, $except, intdiv($left, 1_000_000), $left % 1_000_000);
        });
    }

    /** After a failed write: what the sidecar had said before it closed. */
    private function farewell(int $until): ConnectionLost
    {
        do {
            try {
                $this->frame($until);
                $lost = null;
            } catch (ConnectionLost $lost) {
                // Told below.
            }
        } while ($lost === null);
        return new ConnectionLost($lost->taken);
    }

    /**
     * @throws ConnectionLost
     * @throws OutboundException configuration.transport_unavailable for a sidecar that speaks another version
     */
    private function greet(int $until): void
    {
        $hello = ['version' => Frames::VERSION, 'client' => 'secure-outbound-php/' . PackageVersion::NUMBER];
        $this->write(Frames::document(Frames::HELLO, 0, Wire::encode($hello)), $until);
        $answer = Wire::decode($this->document(Frames::HELLO, 0, $until));
        $version = $answer['version'] ?? null;
        if ($version !== Frames::VERSION) {
            $this->close();
            $found = is_int($version) ? (string) $version : 'unknown';
            throw self::unavailable($this->socket, 'speaks version ' . $found . ' and PHP version ' . Frames::VERSION);
        }
    }

    /**
     * @return resource
     */
    private static function connect(string $socket, int $until)
    {
        while (true) {
            $number = 0;
            $seconds = max(0.001, ($until - (int) hrtime(true)) / 1e9);
            // A port below 0 is part of the name alone.
            $stream = Quiet::call(static function () use ($socket, $seconds, &$number) {
                return pfsockopen('unix://' . $socket, -(int) getmypid(), $number, $text, $seconds);
            });
            if (is_resource($stream)) {
                return $stream;
            }
            if (!in_array($number, self::PASSING, true) || (int) hrtime(true) >= $until) {
                throw self::unavailable($socket, match ($number) {
                    self::EACCES => 'cannot be connected to: this user may not, put it into the group of the socket',
                    self::PASSING['ENOENT'] => 'does not exist: start secure-outbound-sidecar',
                    default => 'cannot be connected to: start secure-outbound-sidecar',
                });
            }
            self::pause();
        }
    }

    /**
     * Whether a call was left in the middle on a stream, or the sidecar has said something since: both end it.
     *
     * @param resource $stream
     */
    private static function isLeft($stream, bool $isNew): bool
    {
        if (!stream_get_meta_data($stream)['blocked']) {
            return true;
        }
        if ($isNew) {
            return false;
        }
        [$read, $write, $except] = [[$stream], [], []];
        return Quiet::call(static function () use (&$read, &$write, &$except): mixed {
            return stream_select($read, $write, $except, 0, 0);
        }) !== 0;
    }

    /**
     * @param resource $stream
     */
    private static function end($stream): void
    {
        Quiet::call(static fn (): bool => fclose($stream));
    }

    private static function unavailable(string $socket, string $what): OutboundException
    {
        return OutboundException::create('configuration.transport_unavailable', 'the sidecar at ' . $socket . ' ' . $what);
    }
}
