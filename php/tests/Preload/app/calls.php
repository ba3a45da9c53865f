<?php

/**
 * A host's script, not preloaded, that makes many calls and reports how many ended as expected.
 *
 * Input: {"config": {…}, "calls": [[status or error code, [head, body, sealed]], …], "count": N}; the calls are made in turn.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents(PHP_SAPI === 'cli' ? 'php://stdin' : 'php://input'), true);
$other = [];
for ($call = 0; $call < $input['count']; $call++) {
    [$comes, $wire] = $input['calls'][$call % count($input['calls'])];
    try {
        $request = RequestSpec::fromWire(...$wire);
        $transport = new RustFfiTransport($input['config']);
        $transport->decide($request->withCredentials([]));
        $came = $transport->send($request)->status;
    } catch (OutboundException $exception) {
        $came = $exception->errorCode();
    }
    if ($came !== $comes) {
        $other[] = [$comes, $came];
    }
}
echo json_encode(['pid' => getmypid(), 'calls' => $call, 'other' => $other]);
