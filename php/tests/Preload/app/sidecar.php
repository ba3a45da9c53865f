<?php

/**
 * One call through the sidecar. With "left", it ends in the middle as that word says.
 *
 * Input: {"config", "path", "left"}; output: the response's body, or the code of the failure.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Sidecar\SidecarTransport;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents('php://input'), true);
if ($input['left'] !== '') {
    pcntl_async_signals(true);
    pcntl_signal(SIGUSR1, static function () use ($input): void {
        match ($input['left']) {
            'exit' => exit('{"left": true}'),
            'fatal' => str_repeat('x', 1 << 60),
            'exception' => throw new \RuntimeException('of a handler'),
        };
    });
}
if ($input['left'] === 'shutdown') {
    register_shutdown_function(static function () use ($input): void {
        pcntl_signal(SIGUSR1, static fn (): never => exit('{"left": true}'));
        (new SidecarTransport($input['config']))->send(new RequestSpec('shop', 'POST', new Policy([]), '', $input['path']));
    });
    exit;
}
$transport = new SidecarTransport($input['config']);
try {
    $body = $transport->send(new RequestSpec('shop', 'POST', new Policy([]), '', $input['path']))->body;
} catch (OutboundException $failure) {
    $body = $failure->errorCode();
}
echo json_encode(['body' => $body, 'pid' => getmypid()]);
