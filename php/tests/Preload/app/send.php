<?php

/**
 * A host's script, not preloaded, that sends requests through RustFfiTransport, asks for the decision about each, and reports both.
 *
 * Input: {"config": {…}, "requests": [{"head", "body", "sealed"}], "hold": null | path}. With "hold", the script makes the file
 * "<hold>.begun.<pid>" when it begins, writes the results to "<hold>.<pid>", and then waits until the file "<hold>" exists.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents(PHP_SAPI === 'cli' ? 'php://stdin' : 'php://input'), true);
if ($input['hold'] !== null) {
    touch($input['hold'] . '.begun.' . getmypid());
}
$results = [];
foreach ($input['requests'] as $wire) {
    try {
        $transport = new RustFfiTransport($input['config']);
        $request = RequestSpec::fromWire(...$wire);
        $response = $transport->send($request);
        $decision = $transport->decide($request->withCredentials([]));
        $results[] = [
            'template' => $decision->pathTemplate,
            'status' => $response->status,
            'seen' => json_decode($response->body, true),
            'audit' => $response->audit,
        ];
    } catch (OutboundException $exception) {
        $results[] = [
            'code' => $exception->errorCode(),
            'message' => $exception->getMessage(),
            'audit' => $exception->auditRecord(),
            'dump' => print_r($exception, true) . $exception->getTraceAsString(),
        ];
    }
}
$answer = ['pid' => getmypid(), 'sapi' => PHP_SAPI, 'results' => $results];
$answer = (string) json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE);
if ($input['hold'] !== null) {
    file_put_contents($input['hold'] . '.part' . getmypid(), $answer);
    rename($input['hold'] . '.part' . getmypid(), $input['hold'] . '.' . getmypid());
    $end = time() + 60;
    while (!file_exists($input['hold']) && time() < $end) {
        usleep(5_000);
        clearstatcache();
    }
}
echo $answer;
