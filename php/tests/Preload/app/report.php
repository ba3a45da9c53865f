<?php

/** What a host sees if the library is not bound, or bound with wrong settings. */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';

try {
    (new RustFfiTransport(['version' => 1]))->open();
    echo json_encode(['code' => null, 'message' => '']);
} catch (OutboundException $exception) {
    echo json_encode(['code' => $exception->errorCode(), 'message' => $exception->getMessage()]);
}
