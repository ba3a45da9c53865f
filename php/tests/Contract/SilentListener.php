<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * A listener whose queue is full, so that the kernel does not answer a SYN.
 */
final readonly class SilentListener
{
    /**
     * @param list<resource> $waiting connections that fill the queue
     */
    private function __construct(private \Socket $listener, private array $waiting)
    {
    }

    /** Makes port 443 of this address silent. */
    public static function at(string $address): self
    {
        $listener = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
        socket_bind($listener, $address, 443);
        socket_listen($listener, 0);
        $waiting = [];
        while (($client = @stream_socket_client('tcp://' . $address . ':443', timeout: 0.1)) !== false) {
            $waiting[] = $client;
        }
        return new self($listener, $waiting);
    }
}
