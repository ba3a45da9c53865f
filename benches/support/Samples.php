<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

/**
 * The measured times of each client in one case, in microseconds, or what else was measured of them, in KiB.
 */
final class Samples
{
    public const MICROSECONDS = 'microseconds';
    public const KIBIBYTES = 'KiB';

    /** @var array<string, list<float>> by client */
    public array $times = [];

    /** @var array<string, list<float>> processor time of the process that calls, which does not count other processes */
    public array $processor = [];

    /**
     * @param string $suite the suite in whose chart the case is drawn
     * @param string $base the client that the others are compared with
     */
    public function __construct(
        public readonly string $suite,
        public readonly string $title,
        public readonly string $base,
        public readonly string $unit = self::MICROSECONDS,
    ) {
    }

    /**
     * Lets the clients call in turns, so that the load of the machine is the same for all of them. The first turn is not measured.
     *
     * @param array<string, \Closure(): void> $clients functions that make one call each
     * @param int $calls calls of each client in a turn; their mean is one sample
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

    public function add(string $client, float $time, ?float $processorTime = null): void
    {
        $this->times[$client][] = $time;
        if ($processorTime !== null) {
            $this->processor[$client][] = $processorTime;
        }
    }

    /** The time at a position from 0, the shortest, to 1, the longest. */
    public function quantile(string $client, float $at): float
    {
        return self::at($this->times[$client], $at);
    }

    /**
     * @return array{float, float}|null the median of the processor time, and its ratio to that of the base client
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

    /** A ratio of what is no time says nothing, and the base can be nothing. */
    public function ratio(string $client): ?float
    {
        return $this->unit === self::MICROSECONDS ? $this->median($client) / $this->median($this->base) : null;
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
