<?php

declare(strict_types=1);

/*
 * The instructions of one warm call, counted by callgrind: a POST over HTTP/2 and TLS 1.3 with a sealed bearer token. It is made through
 * the C interface, through SecureHttpClient with the files of a host, through SecureHttpClient without them (the envelope is in an array,
 * audit records are not stored), and by php-curl with a reused handle.
 *
 * php benches/instructions.php           prints them, and fails where one is 5 % above the committed one
 * php benches/instructions.php --bless   writes them to benches/instructions.json
 *
 * Each is run twice with different numbers of calls; the difference of the counts is without what a process does only once. Unlike times,
 * the counts do not depend on the load of the machine. They do depend on the compiler and on PHP: with other versions than those of
 * the committed figures, the counts are not compared, and a line says so.
 */

use Netresearch\NrVault\Outbound\Benches\Instructions;

require __DIR__ . '/../php/tests/bootstrap.php';
require __DIR__ . '/support/Api.php';
require __DIR__ . '/support/Instructions.php';
require __DIR__ . '/support/NativeHost.php';

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
