<?php

/**
 * A host's script: holds what it is given in its memory until the file "hold" is gone.
 *
 * In: {"hold": path, "values": [base64]}. The file "<hold>.held" appears, with the pid, when they are there.
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
