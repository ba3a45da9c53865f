<?php

declare(strict_types=1);

/*
 * Compares calls with those of PHP's own clients, in turns in one run, with the same nginx. It writes a table of medians and ratios, the
 * samples as JSON, and a chart of each suite to target/bench.
 *
 * php benches/peers.php [--turns=N] [--requests=N] [SUITE…]     as root, for php-fpm
 *
 * Suites: warm, sidecar, fpm, registry, envelope, stream, threads, http3; without an argument, all. --turns is for warm, sidecar and envelope, where a turn of
 * the first two has 20 calls, and for stream and http3, which take a twentieth of them, and threads, which takes a tenth; --requests is for fpm and registry.
 */

use Netresearch\NrVault\Outbound\Benches\Api;
use Netresearch\NrVault\Outbound\Benches\Chart;
use Netresearch\NrVault\Outbound\Benches\Envelopes;
use Netresearch\NrVault\Outbound\Benches\FpmCalls;
use Netresearch\NrVault\Outbound\Benches\Http3Calls;
use Netresearch\NrVault\Outbound\Benches\Machine;
use Netresearch\NrVault\Outbound\Benches\Registries;
use Netresearch\NrVault\Outbound\Benches\Samples;
use Netresearch\NrVault\Outbound\Benches\SidecarCalls;
use Netresearch\NrVault\Outbound\Benches\Streams;
use Netresearch\NrVault\Outbound\Benches\StreamServer;
use Netresearch\NrVault\Outbound\Benches\Threads;
use Netresearch\NrVault\Outbound\Benches\WarmCalls;

require __DIR__ . '/../php/tests/bootstrap.php';
require 'GuzzleHttp/autoload.php';
require 'Symfony/Component/HttpClient/autoload.php';
foreach (glob(__DIR__ . '/support/*.php') ?: [] as $file) {
    require_once $file;
}

[$turns, $requests, $suites] = [100, 100, []];
foreach (array_slice($argv, 1) as $argument) {
    match (true) {
        preg_match('/^--turns=(\d+)$/', $argument, $match) === 1 => $turns = max(1, (int) $match[1]),
        preg_match('/^--requests=(\d+)$/', $argument, $match) === 1 => $requests = max(1, (int) $match[1]),
        in_array($argument, ['warm', 'sidecar', 'fpm', 'registry', 'envelope', 'stream', 'threads', 'http3'], true) => $suites[] = $argument,
        default => exit("Not an argument of this bench: $argument\n"),
    };
}
$suites = $suites === [] ? ['warm', 'sidecar', 'fpm', 'registry', 'envelope', 'stream', 'threads', 'http3'] : $suites;

$machine = Machine::describe();
echo implode("\n", $machine['lines']), "\n\n";
$api = new Api();
$streams = in_array('stream', $suites, true) ? new StreamServer($api) : null;
$cases = [];
try {
    foreach ($suites as $suite) {
        array_push($cases, ...match ($suite) {
            'warm' => (new WarmCalls($api))->measure($turns),
            'sidecar' => (new SidecarCalls($api))->measure($turns),
            'fpm' => (new FpmCalls($api))->measure($requests),
            'registry' => (new Registries())->measure($requests),
            'envelope' => (new Envelopes())->measure($turns),
            'threads' => (new Threads($api))->measure(max(3, intdiv($turns, 10))),
            'http3' => (new Http3Calls($api))->measure(max(1, intdiv($turns, 20))),
            'stream' => (new Streams($streams))->measure(max(1, intdiv($turns, 20))),
        });
    }
} finally {
    $streams?->stop();
    $api->stop();
}

$table = "| case | client | median | quartiles | ratio | processor time | ratio |\n|---|---|---|---|---|---|---|\n";
foreach ($cases as $case) {
    foreach (array_keys($case->times) as $client) {
        $used = $case->used($client);
        $table .= sprintf(
            "| %s | %s | %s | %s to %s | %s | %s |\n",
            $case->title,
            $client,
            Chart::value($case, $case->median($client)),
            Chart::value($case, $case->quantile($client, 0.25)),
            Chart::value($case, $case->quantile($client, 0.75)),
            Chart::ratio($case->ratio($client)),
            $used === null ? '|' : Chart::time($used[0]) . ' | ' . Chart::ratio($used[1]),
        );
    }
}
echo $table;

$directory = dirname(__DIR__) . '/target/bench';
is_dir($directory) || mkdir($directory, recursive: true);
file_put_contents($directory . '/table.md', implode("\n", $machine['lines']) . "\n\n" . $table);
file_put_contents($directory . '/samples.json', json_encode(
    ['machine' => $machine, 'cases' => $cases],
    JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR,
));
foreach ($suites as $suite) {
    $of = array_values(array_filter($cases, static fn (Samples $case): bool => $case->suite === $suite));
    file_put_contents("$directory/$suite.svg", Chart::draw($of, $machine['lines']));
}
echo "\n", $directory, ': table.md, samples.json, ', implode(', ', array_map(static fn (string $suite): string => $suite . '.svg', $suites)), "\n";
