<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\Wire;

/**
 * Finds the connection of this process to a sidecar, which PHP keeps from one PHP request to the next, or makes it.
 *
 * PHP code that would set a mark when a PHP request is left in the middle may not have run, but PHP keeps the mode of a stream, whatever
 * ended it: one that does not block was left, and is closed. The name of the stream has the number of the process, so a
 * forked child opens one of its own.
 *
 * @internal
 */
final class ConnectionOpener
{
    /** Errors after which connecting may succeed a moment later: the daemon starts, restarts or has a full queue. */
    private const PASSING = ['EAGAIN' => 11, 'ECONNREFUSED' => 111, 'ENOENT' => 2];

    private const EACCES = 13;

    private const PAUSE_US = 5_000;

    /** How often a connection may end before it has greeted. */
    private const TRIES = 20;

    /** @var array<string, Connection> what this PHP request has */
    private static array $open = [];

    /** @var array<string, int> the highest id of this PHP request on each socket */
    private static array $ids = [];

    /**
     * The connection that there is, or a new one.
     *
     * @param int $until time of hrtime() until which connecting is tried
     * @throws OutboundException configuration.transport_unavailable
     */
    public static function open(string $socket, int $until): Connection
    {
        $known = self::$open[$socket] ?? null;
        if ($known !== null && $known->isUsable()) {
            return $known;
        }
        // While calls of the old one go on, PHP would give it again under its name. A forked child closes its copy of it.
        $isKept = $known === null || !$known->isOpen();
        if ($isKept) {
            $known?->close();
        }
        for ($tries = 1;; $tries++) {
            $stream = self::connect($socket, $until, $isKept);
            $isNew = ftell($stream) === 0;
            if (self::isLeft($stream, $isNew)) {
                self::end($stream);
                continue;
            }
            $connection = new Connection($stream);
            if ($isNew) {
                stream_set_chunk_size($stream, Frames::PAYLOAD_BYTES + Frames::HEAD_BYTES);
                $greeting = self::greet($connection, $socket, $until);
                if ($greeting->lost !== null) {
                    if ($greeting->lost->isLate) {
                        throw self::unavailable($socket, 'has not greeted within connect_timeout_ms: it stands still, or is about to be '
                            . 'restarted and waits for the calls that it has');
                    }
                    if ($tries >= self::TRIES) {
                        throw self::unavailable($socket, 'does not greet: this user is none of its callers, or has all its connections');
                    }
                    self::pause();
                    continue;
                }
            }
            return self::$open[$socket] = $connection;
        }
    }

    /** An id that is higher than all before it on this socket, in earlier PHP requests as well. */
    public static function nextId(string $socket): int
    {
        return self::$ids[$socket] = max((int) hrtime(true), (self::$ids[$socket] ?? 0) + 1);
    }

    /** Waits a moment before the next try. */
    public static function pause(): void
    {
        usleep(self::PAUSE_US);
    }

    /**
     * @return SidecarCall which is lost if the sidecar does not greet
     * @throws OutboundException configuration.transport_unavailable for a sidecar that speaks another version
     */
    private static function greet(Connection $connection, string $socket, int $until): SidecarCall
    {
        $greeting = $connection->enter(0);
        $hello = ['version' => Frames::VERSION, 'client' => 'secure-outbound-php/' . PackageVersion::NUMBER];
        $connection->put(Frames::document(Frames::HELLO, 0, Wire::encode($hello)));
        while ($greeting->hello === null && $connection->turn($until)) {
            continue;
        }
        $hello = $greeting->hello;
        if ($hello === null) {
            $connection->close(true);
            return $greeting;
        }
        $connection->leave($greeting);
        $version = (Wire::decode($hello) ?? [])['version'] ?? null;
        if ($version !== Frames::VERSION) {
            $connection->close();
            $found = is_int($version) ? (string) $version : 'unknown';
            throw self::unavailable($socket, 'speaks version ' . $found . ' and PHP version ' . Frames::VERSION);
        }
        return $greeting;
    }

    /**
     * @return resource
     */
    private static function connect(string $socket, int $until, bool $isKept)
    {
        while (true) {
            $number = 0;
            $seconds = max(0.001, ($until - (int) hrtime(true)) / 1e9);
            // A port below 0 is part of the name alone.
            $stream = Quiet::call(static function () use ($socket, $seconds, $isKept, &$number) {
                return $isKept
                    ? pfsockopen('unix://' . $socket, -(int) getmypid(), $number, $text, $seconds)
                    : stream_socket_client('unix://' . $socket, $number, $text, $seconds);
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
