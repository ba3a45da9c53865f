<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * Responses and requests that are read while they flow, and several calls at once, each measured in a process of its own: what passes
 * between writing and reading, the time of calls together, and of large bodies the time and by how much they enlarge the process.
 */
final class Streams
{
    private const BASE = 'php-curl';

    /** Case => task of stream/client.php and size. */
    private const CASES = [
        'from written to read (bar: 50 ms)' => ['lines', 0],
        '50 calls of 200 ms at once (bar: 300 ms)' => ['calls', 0],
        'from asked to cancelled (bar: 100 ms)' => ['cancel', 0],
        '10 MB into a string, round trip 80 ms (bar: 1.05)' => ['far', 10_000_000],
        '100 MB into a string' => ['whole', 100_000_000],
        '100 MB read by stream()' => ['read', 100_000_000],
        '200 MB into a sink' => ['sink', 200_000_000],
        '200 MB as a body' => ['body', 200_000_000],
        '25 MB as a body' => ['body', 25_000_000],
    ];

    /** HTTP version => title of a client => its name in stream/client.php, and its service. */
    private const CLIENTS = [
        '2' => [
            'SecureHttpClient' => ['secure', 'stream-2'],
            self::BASE => ['curl', ''],
            'Guzzle 7' => ['guzzle', ''],
        ],
        '1.1' => [
            'SecureHttpClient' => ['secure', 'stream-1.1'],
            'SecureHttpClient, PhpTransport' => ['secure', 'stream-php'],
            self::BASE => ['curl', ''],
            'Guzzle 7' => ['guzzle', ''],
        ],
    ];

    public function __construct(private readonly StreamServer $server)
    {
    }

    /**
     * @return list<Samples>
     */
    public function measure(int $turns): array
    {
        $cases = [];
        foreach (self::CASES as $title => [$task, $size]) {
            foreach (self::CLIENTS as $http => $clients) {
                array_push($cases, ...$this->case("$title, HTTP/$http", $task, $size, (string) $http, $clients, $turns));
            }
        }
        return $cases;
    }

    /**
     * @param array<string, array{string, string}> $clients
     * @return list<Samples>
     */
    private function case(string $title, string $task, int $size, string $http, array $clients, int $turns): array
    {
        $times = new Samples('stream', $title, self::BASE);
        $grown = new Samples('stream', "$title, growth (bar: " . ($task === 'whole' ? '205 MB)' : '4 MiB)'), self::BASE, Samples::KIBIBYTES);
        // Guzzle reads streams without curl, by HTTP/1.1 alone, and cancels nothing that it waits for.
        $clients = in_array($task, ['calls', 'far', 'whole'], true) ? $clients : array_diff_key($clients, ['Guzzle 7' => 0]);
        for ($turn = 0; $turn < $turns; ++$turn) {
            foreach ($clients as $name => [$client, $service]) {
                $measured = $this->run(['client' => $client, 'service' => $service, 'task' => $task, 'size' => $size, 'http' => $http]);
                foreach ($measured['times'] as $time) {
                    $times->add($name, $time, $measured['used'] / count($measured['times']));
                }
                $grown->add($name, $measured['grown']);
            }
        }
        return $size < 100_000_000 ? [$times] : [$times, $grown];
    }

    /**
     * @param array<string, mixed> $input
     * @return array{times: list<float>, used: float, grown: int}
     */
    private function run(array $input): array
    {
        $result = Process::run(
            [...$input['task'] === 'far' ? $this->server->farRunner() : [], PHP_BINARY, dirname(__DIR__) . '/stream/client.php'],
            ['SECURE_OUTBOUND_LIBRARY' => Build::library()],
            (string) json_encode($input + $this->server->input($input['http'])),
        );
        $measured = $result['code'] === 0 ? json_decode($result['output'], true) : null;
        return is_array($measured) ? $measured : throw new \RuntimeException($result['output']);
    }
}
