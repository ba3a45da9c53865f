<?php

declare(strict_types=1);

/*
 * Instructions of one warm call by callgrind: a POST over HTTP/2 and TLS 1.3 with a sealed bearer token, through the C
 * interface, through SecureHttpClient with the files of a host and without (its envelope in an array, its records nowhere), and
 * php-curl's with a handle that is used again.
 *
 * php benches/instructions.php           prints them, and fails where one is 5 % above the committed one
 * php benches/instructions.php --bless   writes them to benches/instructions.json
 *
 * Two runs of each differ in the number of their calls alone, so what a process does once cancels out. Unlike times, the
 * counts do not depend on what else the machine does. They do depend on the compiler and on PHP: with others than those that
 * the committed figures name, this says so and judges nothing.
 */

use Netresearch\NrVault\Outbound\Benches\Instructions;

require __DIR__ . '/../php/tests/bootstrap.php';
require __DIR__ . '/support/Api.php';
require __DIR__ . '/support/Instructions.php';

const FIGURES = __DIR__ . '/instructions.json';
const TOLERANCE = 1.05;

$instructions = new Instructions();
$measured = $instructions->measure();
$instructions->stop();

if (($argv[1] ?? null) === '--bless') {
    file_put_contents(FIGURES, json_encode($measured, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR) . "\n");
}
$committed = json_decode((string) file_get_contents(FIGURES), true, 8, JSON_THROW_ON_ERROR);

printf("Instructions of a warm call, POST, HTTP/2, TLS 1.3 (%s)\n\n", implode(', ', $measured['of']));
echo "| through | instructions | committed | ratio |\n|---|---|---|---|\n";
$above = [];
foreach ($measured['instructions'] as $way => $count) {
    $before = $committed['instructions'][$way] ?? 0;
    printf("| %s | %s | %s | %.3f |\n", $way, number_format($count), number_format($before), $count / max(1, $before));
    if ($count > $before * TOLERANCE) {
        $above[] = $way;
    }
}
echo "\n";
if ($measured['of'] !== $committed['of']) {
    echo 'left out: the committed figures are of ', implode(', ', $committed['of']), ", so nothing is judged by them\n";
    exit(0);
}
if ($above !== []) {
    echo 'More than 5 % above the committed figure: ', implode(', ', $above), "\n";
    exit(1);
}
