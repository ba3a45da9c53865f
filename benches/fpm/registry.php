<?php

/**
 * A php-fpm request that reads one service of a registry. It reports the time and the processor time for that, both in microseconds.
 *
 * Input: {"autoload", "file", "cache", "id"}; "cache" is null for a registry that is not compiled.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;

$input = json_decode((string) file_get_contents('php://input'), true);
require $input['autoload'];

$processorTime = require __DIR__ . '/processor-time.php';
[$begun, $used] = [hrtime(true), $processorTime()];
(new JsonFileServiceRegistry($input['file'], $input['cache']))->get($input['id']);
$answer = ['taken' => (hrtime(true) - $begun) / 1000, 'used' => $processorTime() - $used];
echo json_encode($answer + ['compiled' => preg_grep('~/services-~', get_included_files()) !== []]);
