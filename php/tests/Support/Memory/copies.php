<?php

/**
 * Searches a live process or a core file for the secrets of a measurement.
 *
 * php copies.php --pid PID CANARIES          its memory, locked pages included
 * php copies.php --dump PID CANARIES         a core of it, which gdb makes and which is removed afterwards
 * php copies.php --core FILE CANARIES        a core file
 * php copies.php --make CANARIES NAME…       makes the file CANARIES and shows it: the mark, and a text by each name
 * php copies.php --make CANARIES KEY:NAME…   the same with a key of 32 bytes
 *
 * The output is JSON: for each copy, the name of the secret, form, address, mapping and locked. A search prints no secret.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Tests\Support\Memory\Canaries;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Image;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

require __DIR__ . '/../../bootstrap.php';

[, $command, $subject, $file] = $argv + ['', '', '', ''];
if ($command === '--make') {
    $canaries = Canaries::make();
    foreach (array_slice($argv, 3) as $name) {
        str_starts_with($name, 'KEY:') ? $canaries->key(substr($name, 4)) : $canaries->text($name);
    }
    $made = (string) json_encode($canaries);
    file_put_contents($subject, $made);
    exit($made . "\n");
}
$search = new Search(Canaries::fromJson((string) file_get_contents($file)));
$copies = match ($command) {
    '--pid' => $search->in(Image::ofProcess((int) $subject)),
    '--core' => $search->in(Image::ofCore($subject)),
    '--dump' => $search->in(Image::dump((int) $subject, (new TempDir('core'))->path . '/core')),
    default => throw new InvalidArgumentException('The first lines of ' . __FILE__ . ' say how.'),
};
echo json_encode($copies), "\n";
