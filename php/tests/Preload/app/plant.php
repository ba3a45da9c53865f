<?php

/**
 * A host's script that holds the given values in its memory until the file "hold" is gone.
 *
 * Input: {"hold": path, "values": [base64]}. Once the values are in memory, the script writes its process ID to "<hold>.held".
 */

declare(strict_types=1);

$input = json_decode((string) file_get_contents('php://input'), true);
$held = array_map(base64_decode(...), $input['values']);
file_put_contents($input['hold'] . '.part', (string) getmypid());
rename($input['hold'] . '.part', $input['hold'] . '.held');
$end = time() + 120;
while (file_exists($input['hold']) && time() < $end) {
    usleep(5_000);
    clearstatcache();
}
echo json_encode(['pid' => getmypid(), 'held' => count($held)]);
