<?php

/**
 * A host's script, not preloaded, that calls a service as docs/php-api.md shows, and reports which classes of the package it loaded.
 *
 * Input: {"autoload", "directory", "log", "service"}
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\SecureOutbound;

$input = json_decode((string) file_get_contents('php://input'), true);
require $input['autoload'];
require_once 'Psr/Log/autoload.php';
require_once 'Psr/EventDispatcher/autoload.php';

try {
    $response = SecureOutbound::fromDirectory($input['directory'], $input['log'], registryCache: $input['cache'] ?? null)
        ->post($input['service'], '/echo', ['json' => ['a' => 1]]);
    $result = ['status' => $response->statusCode(), 'transport' => $response->audit()->record['transport']];
} catch (OutboundException $exception) {
    $result = ['code' => $exception->errorCode(), 'message' => $exception->getMessage()];
}
$classes = array_filter(get_included_files(), static fn (string $file): bool => str_contains($file, '/src/'));
echo json_encode(['pid' => getmypid(), 'classes' => array_values($classes)] + $result);
