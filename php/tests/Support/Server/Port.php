<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

/**
 * Ports of 127.0.0.1.
 */
final class Port
{
    /** A port at which nothing listens at the moment. */
    public static function free(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        $port = self::of($socket);
        fclose($socket);
        return $port;
    }

    /**
     * @param resource $socket
     */
    public static function of($socket): int
    {
        return (int) substr((string) strrchr((string) stream_socket_get_name($socket, false), ':'), 1);
    }

    public static function hasIpv6(): bool
    {
        $socket = @stream_socket_server('tcp://[::1]:0');
        return $socket !== false && fclose($socket);
    }

    public static function isOpen(int $port): bool
    {
        $socket = @stream_socket_client('tcp://127.0.0.1:' . $port, timeout: 1);
        if ($socket === false) {
            return false;
        }
        fclose($socket);
        return true;
    }
}
