<?php

/**
 * A host's script, not preloaded, that reads one service of a registry, and reports which compiled files it included.
 *
 * Input: {"file", "cache", "id"}. With "edit", the script reads the registry once before, and then runs this command in another process.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents(PHP_SAPI === 'cli' ? 'php://stdin' : 'php://input'), true);
if (isset($input['edit'])) {
    (new JsonFileServiceRegistry($input['file'], $input['cache']))->ids();
    exec($input['edit']);
}
$registry = new JsonFileServiceRegistry($input['file'], $input['cache']);
try {
    $service = $registry->get($input['id']);
} catch (OutboundException $exception) {
    $service = $exception->getMessage();
}
$scripts = function_exists('opcache_get_status') ? opcache_get_status()['scripts'] ?? [] : [];
$hits = [];
foreach (get_included_files() as $file) {
    if (str_starts_with($file, $input['cache'] . '/')) {
        $hits[basename($file)] = $scripts[$file]['hits'] ?? null;
    }
}
echo json_encode([
    'pid' => getmypid(),
    'service' => is_string($service) ? $service : serialize($service),
    'host' => is_string($service) ? null : parse_url($service->baseUrl, PHP_URL_HOST),
    'ids' => count($registry->ids()),
    'problems' => $registry->problems(),
    'code' => $hits,
]);
