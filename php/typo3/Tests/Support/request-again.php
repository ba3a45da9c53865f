<?php

/**
 * php request-again.php URL RESULTS END: requests one after another until the file END is there. Each line of the file RESULTS is when a
 * request began and ended, and the response.
 */

declare(strict_types=1);

[, $url, $results, $end] = $argv;
$context = stream_context_create(['http' => ['header' => 'Host: typo3.example', 'ignore_errors' => true]]);
while (!file_exists($end)) {
    $begun = hrtime(true);
    $body = (string) @file_get_contents($url, false, $context);
    file_put_contents($results, json_encode([$begun, hrtime(true), $body], JSON_INVALID_UTF8_SUBSTITUTE) . "\n", FILE_APPEND);
    clearstatcache();
}
