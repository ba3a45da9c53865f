<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * Two network namespaces, between which a round trip takes a certain time: stream/delay.py. For a client in one of them, the other is localhost.
 */
final class FarNetwork
{
    /** The address of the server, and the network of both. */
    public const SERVER = '10.99.0.1';
    public const NETWORK = '10.99.0.0/24';

    private const CLIENT = '10.99.0.2';

    private readonly Process $wire;

    /** @var array{server: string, client: string} process IDs */
    private readonly array $ends;

    /**
     * @param int $milliseconds of a round trip
     * @param int $loss per cent of the packets, in each direction
     * @param bool $hasUdp whether datagrams of UDP come through; otherwise they vanish without a word
     */
    public function __construct(TempDir $directory, int $milliseconds, int $loss = 0, bool $hasUdp = true)
    {
        $hosts = $directory->write('hosts', self::SERVER . " localhost\n");
        $script = dirname(__DIR__) . '/stream/delay.py';
        $this->wire = new Process(
            ['python3', '-B', $script, (string) $milliseconds, self::SERVER, self::CLIENT, $hosts, (string) $loss, ...($hasUdp ? [] : ['no-udp'])],
            "$directory->path/delay-$milliseconds-$loss-" . (int) $hasUdp . '.out',
        );
        $this->wire->waitUntil(fn (): bool => preg_match('/^\d+ \d+$/m', $this->wire->log()) === 1, 'the wire');
        [$server, $client] = explode(' ', trim($this->wire->log()));
        $this->ends = ['server' => $server, 'client' => $client];
    }

    /**
     * What has to stand before a command that runs at one of the ends.
     *
     * @param 'server'|'client' $end
     * @return non-empty-list<string>
     */
    public function runner(string $end): array
    {
        return ['nsenter', '--net', '--mount', '--target', $this->ends[$end], '--'];
    }

    public function stop(): void
    {
        $this->wire->stop();
    }
}
