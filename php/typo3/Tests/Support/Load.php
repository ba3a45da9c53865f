<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * Processes that request the same URL again and again until they are stopped.
 */
final class Load
{
    private readonly string $path;

    /** @var list<Process> */
    private array $processes = [];

    public function __construct(TempDir $directory, private readonly string $url, int $clients = 2)
    {
        $this->path = dirname($directory->write('load-' . hrtime(true) . '/begun', ''));
        for ($client = 0; $client < $clients; ++$client) {
            $this->processes[] = new Process(
                [PHP_BINARY, __DIR__ . '/request-again.php', $url, "$this->path/results-$client", $this->path . '/end'],
                $this->path . '/log',
            );
        }
    }

    /**
     * Waits until so many more requests have been answered, and by so many workers, each of which says its "pid".
     */
    public function goOn(int $requests, int $workers): void
    {
        $before = array_map(count(...), $this->lines());
        Poll::until(function () use ($before, $requests, $workers): bool {
            $new = [];
            foreach ($this->lines() as $client => $lines) {
                array_push($new, ...array_slice($lines, $before[$client]));
            }
            $pids = array_unique(array_map(static fn (string $line): mixed => self::read($line)['result']['pid'] ?? null, $new));
            return count($new) >= $requests && count($pids) >= $workers;
        }, "requests to $this->url", 600);
    }

    /**
     * Lets the requests under way end.
     *
     * @return list<array{begun: int, ended: int, result: array<mixed>}> the responses of all requests; in an order of no meaning
     */
    public function stop(): array
    {
        touch($this->path . '/end');
        foreach ($this->processes as $process) {
            $process->exitCode();
        }
        return array_map(self::read(...), array_merge(...$this->lines()));
    }

    /**
     * @return array{begun: int, ended: int, result: array<mixed>}
     */
    private static function read(string $line): array
    {
        [$begun, $ended, $body] = (array) json_decode($line, true) + [0, 0, ''];
        $result = json_decode($body, true);
        return ['begun' => $begun, 'ended' => $ended, 'result' => is_array($result) ? $result : ['not JSON' => $body]];
    }

    /**
     * @return list<list<string>> by client; without a line that is not complete
     */
    private function lines(): array
    {
        return array_map(
            fn (int $client): array => array_slice(explode("\n", (string) @file_get_contents("$this->path/results-$client")), 0, -1),
            array_keys($this->processes),
        );
    }
}
