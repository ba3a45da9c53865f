<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

/**
 * One, two, four and eight threads of a host that call on one engine.
 */
final class Threads
{
    public const BASE = '1 thread';

    private const CALLS = 800;

    public function __construct(private readonly Api $api)
    {
    }

    /**
     * @param int $turns each of which has 800 calls by each number of threads
     * @return list<Samples> what all calls took, divided by their number
     */
    public function measure(int $turns): array
    {
        $host = new NativeHost($this->api);
        $samples = new Samples('threads', 'C interface, warm POST, HTTP/2, time of all for each call', self::BASE);
        for ($turn = 0; $turn < $turns; ++$turn) {
            foreach ([1, 2, 4, 8] as $threads) {
                $nanoseconds = (int) NativeHost::output($host->command(self::CALLS, true, $threads));
                $samples->add($threads === 1 ? self::BASE : "$threads threads", $nanoseconds / self::CALLS / 1000);
            }
        }
        return [$samples];
    }
}
