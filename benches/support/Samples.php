<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

/**
 * What one case measured of each client, in microseconds.
 */
final class Samples
{
    /** @var array<string, list<float>> by client */
    public array $times = [];

    /** @var array<string, list<float>> processor time of the process that calls, which other processes do not change */
    public array $processor = [];

    /**
     * @param string $suite of the chart that the case is drawn in
     * @param string $base the client that the others are compared with
     */
    public function __construct(public readonly string $suite, public readonly string $title, public readonly string $base)
    {
    }

    /**
     * Asks the clients in turns, so that whatever else the machine does meets all of them alike. The first turn only warms up.
     *
     * @param array<string, \Closure(): void> $clients each makes one call
     * @param int $calls of each client in a turn, which are one sample
     */
    public function take(array $clients, int $turns, int $calls): self
    {
        $processorTime = require dirname(__DIR__) . '/fpm/processor-time.php';
        for ($turn = 0; $turn <= $turns; ++$turn) {
            foreach ($clients as $client => $call) {
                [$begun, $used] = [hrtime(true), $processorTime()];
                for ($i = 0; $i < $calls; ++$i) {
                    $call();
                }
                if ($turn > 0) {
                    $this->add($client, (hrtime(true) - $begun) / $calls / 1000, ($processorTime() - $used) / $calls);
                }
            }
        }
        return $this;
    }

    public function add(string $client, float $time, float $processorTime): void
    {
        $this->times[$client][] = $time;
        $this->processor[$client][] = $processorTime;
    }

    /** The time at a place, from 0 for the shortest to 1 for the longest. */
    public function quantile(string $client, float $at): float
    {
        return self::at($this->times[$client], $at);
    }

    /**
     * @return array{float, float}|null the median of the processor time, and how it compares
     */
    public function used(string $client): ?array
    {
        if (!isset($this->processor[$client], $this->processor[$this->base])) {
            return null;
        }
        $median = self::at($this->processor[$client], 0.5);
        return [$median, $median / self::at($this->processor[$this->base], 0.5)];
    }

    public function median(string $client): float
    {
        return $this->quantile($client, 0.5);
    }

    public function ratio(string $client): float
    {
        return $this->median($client) / $this->median($this->base);
    }

    /**
     * @param list<float> $values
     */
    private static function at(array $values, float $at): float
    {
        sort($values);
        return $values[(int) round($at * (count($values) - 1))];
    }
}
