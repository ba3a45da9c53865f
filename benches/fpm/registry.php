<?php

/**
 * A php-fpm request that reads one service of a registry, and tells how many nanoseconds that took.
 *
 * In: {"autoload", "file", "cache", "id"}; "cache" is null for a registry that is read as it is.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;

$input = json_decode((string) file_get_contents('php://input'), true);
require $input['autoload'];

$begun = hrtime(true);
(new JsonFileServiceRegistry($input['file'], $input['cache']))->get($input['id']);
$taken = hrtime(true) - $begun;
echo json_encode(['taken' => $taken, 'compiled' => preg_grep('~/services-~', get_included_files()) !== []]);
