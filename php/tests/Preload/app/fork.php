<?php

/**
 * A host that forks with pcntl_fork: it sends, forks its children, sends again while they send, and once more when they have ended.
 *
 * Input: as for send.php, with "children", "go" and "replies". A child waits until the file "go" exists, sends the request twice, forks a
 * child that does the same, and writes the outcomes to "<replies>.<pid>".
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents('php://stdin'), true);
$transport = new RustFfiTransport($input['config']);
$send = static function () use ($input, $transport): array {
    try {
        $response = $transport->send(RequestSpec::fromWire(...$input['requests'][0]));
        return ['status' => $response->status, 'reused' => $response->audit['connection_reused']];
    } catch (OutboundException $exception) {
        return ['status' => $exception->errorCode(), 'reused' => null];
    }
};
$fork = static function (\Closure $work): int {
    $child = pcntl_fork();
    if ($child === 0) {
        $work();
        exit(0);
    }
    return $child;
};
$sendAsChild = static function () use ($input, $send): void {
    file_put_contents($input['replies'] . '.' . getmypid(), json_encode([$send(), $send()]));
};
$ended = static function (int $child): int {
    pcntl_waitpid($child, $status);
    return pcntl_wifexited($status) ? pcntl_wexitstatus($status) : -pcntl_wtermsig($status);
};

// As in a host that handles the end of its children at once: SIGCHLD arrives while the parent is in a call.
pcntl_async_signals(true);
pcntl_signal(SIGCHLD, static function (): void {
});

$parent = [$send()];
$children = [];
for ($child = 0; $child < $input['children']; $child++) {
    $children[] = $fork(static function () use ($input, $fork, $sendAsChild, $ended): void {
        $end = time() + 60;
        while (!file_exists($input['go']) && time() < $end) {
            usleep(5_000);
            clearstatcache();
        }
        $sendAsChild();
        exit($ended($fork($sendAsChild)));
    });
}
array_push($parent, $send());
$codes = array_map($ended, $children);
array_push($parent, $send());
echo json_encode(['parent' => $parent, 'codes' => $codes]);
