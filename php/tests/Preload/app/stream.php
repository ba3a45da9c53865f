<?php

/**
 * A host's script, not preloaded, that reads a response as lines, and writes each as soon as it has it.
 *
 * Input: {"config", "service", "log": audit file, "options": of the call, "pause": a file for whose removal the script waits
 *   before it goes on behind the first line, or null, "end": "", or how the script ends there:
 *   "exit": it calls exit()
 *   "exhaust": it uses up the memory
 *   "exhaust-first": the same, and a shutdown function of the host, registered before all others, calls exit()}
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;

require 'Psr/Http/Message/autoload.php';
require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents('php://input'), true);
if ($input['end'] === 'exhaust-first') {
    register_shutdown_function(static fn (): never => exit);
}
$registry = new ArrayServiceRegistry(['lines' => $input['service']]);
$transports = new TransportFactory($input['config']);
$calls = new ServiceCalls($registry, new ArrayCredentialProvider([]), $transports, new JsonLinesAuditSink($input['log']));
header('X-Accel-Buffering: no');
echo getmypid(), "\n";
try {
    foreach ((new SecureHttpClient($calls))->stream('lines', 'GET', '/lines', $input['options'])->lines() as $line) {
        echo $line, "\n";
        flush();
        if ($input['end'] === 'exit') {
            exit;
        }
        for ($all = []; str_starts_with($input['end'], 'exhaust');) {
            $all[] = new \stdClass();
        }
        while ($input['pause'] !== null && file_exists($input['pause'])) {
            usleep(1000);
            clearstatcache();
        }
    }
    echo 'whole';
} catch (OutboundException $failure) {
    echo $failure->errorCode();
}
