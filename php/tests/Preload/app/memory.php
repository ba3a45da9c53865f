<?php

/**
 * A host's script, not preloaded, that sends requests through RustFfiTransport. It returns everything that PHP gets to know, as the
 * caller, a dump, an exception with its arguments and a log would show it.
 *
 * Input: {"config": {…}, "requests": {name: {"head", "body", "sealed"}}}.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents('php://input'), true);
$transport = new RustFfiTransport($input['config']);
$warnings = $transport->open();
$results = [];
foreach ($input['requests'] as $name => $wire) {
    try {
        $response = $transport->send(RequestSpec::fromWire(...$wire));
        $results[$name] = ['outcome' => $response->status, 'told' => print_r($response, true)];
    } catch (OutboundException $exception) {
        error_log((string) $exception);
        $told = print_r($exception, true) . print_r($exception->auditRecord(), true) . $exception->getTraceAsString();
        $results[$name] = ['outcome' => $exception->errorCode(), 'told' => $told];
    }
}
$told = print_r($transport, true);
$answer = ['pid' => getmypid(), 'warnings' => $warnings, 'results' => $results, 'told' => $told];
echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE);
