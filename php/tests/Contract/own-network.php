<?php

/**
 * The part of OwnNetwork that runs in the namespace: it reads the task from standard input and writes the outcomes.
 */

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\RequestSpec;

require __DIR__ . '/../bootstrap.php';

$task = json_decode((string) stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
$server = new FaultServer(new TempDir('own-network'));
foreach ($task['listen'] ?? [] as $name => $listen) {
    $server->listen($name, $listen['tls'] ?? null, $listen['address'], $listen['port'] ?? 0);
    $server->answers($name, $listen['answer']);
}
if (isset($task['dns'])) {
    $server->resolve($task['dns']);
}
$silent = array_map(SilentListener::at(...), $task['silent'] ?? []);
// The socket receives questions, and nothing ever reads them.
$dns = ($task['silent_dns'] ?? false) ? stream_socket_server('udp://127.0.0.1:53', flags: STREAM_SERVER_BIND) : null;
if (isset($task['locale']) && setlocale(LC_ALL, $task['locale']) === false) {
    throw new \RuntimeException('There is no locale ' . $task['locale'] . '.');
}
$locale = setlocale(LC_ALL, '0');
$transport = Transports::make($task['transport'], $task['config']);
if (isset($task['open_basedir'])) {
    if ($transport instanceof RegisteredTransport) {
        $transport->open();
    }
    ini_set('open_basedir', implode(PATH_SEPARATOR, $task['open_basedir']));
}
$outcomes = [];
foreach ($task['requests'] as $wire) {
    $outcome = Outcome::of($transport, RequestSpec::fromWire(...array_map(base64_decode(...), $wire)));
    $outcomes[] = [
        'brief' => $outcome->brief(),
        'message' => $outcome->message(),
        'audit' => $outcome->audit,
        'body' => $outcome->body,
    ];
}
if (setlocale(LC_ALL, '0') !== $locale) {
    throw new \RuntimeException('The locale is not what it was: ' . setlocale(LC_ALL, '0'));
}
$targets = [];
foreach ($task['listen'] ?? [] as $name => $listen) {
    $targets[$name] = array_column($server->requests($name), 'target');
}
$questions = isset($task['dns']) ? $server->questions() : [];
echo json_encode(['outcomes' => $outcomes, 'targets' => $targets, 'questions' => $questions], JSON_THROW_ON_ERROR);
