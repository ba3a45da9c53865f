<?php

/**
 * .ci/typo3 LINE bench: the time of a call in a TYPO3 with MariaDB, nginx and php-fpm: by the library, and by nr-vault's own HTTP client.
 * Each request makes one call with each, and they take turns at being the first.
 *
 * The exit code is 1 if the library is the slower one: if fewer of its calls take less time than nr-vault's in the same request than
 * chance has with two that are equally fast. What else the machine does meets both, so it does not decide.
 */

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\SiteWorkers;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Server\MariaDb;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use TYPO3\CMS\Core\Information\Typo3Version;

const REQUESTS = 200;

/** Of 200 requests, two clients that are equally fast have 100 each, and fewer than this once in 700 times. */
const LEAST = 79;

require $argv[1] . '/vendor/autoload.php';

$upstream = new Upstream();
$server = new MariaDb();
$directory = new TempDir('bench');
$installation = new Installation($directory);
$site = new Site('bench', [
    'HTTP' => ['verify' => $upstream->tls->authority],
    'SYS' => ['nrVault' => ['outbound' => ['internal_hosts' => $upstream->config()['internal_hosts'], 'php_transport' => false]]],
], $installation, '/', $server->dsn);
$prepare = $site->write('prepare.json', (string) json_encode(['services' => [[
    'id' => 'crm',
    'base_url' => $upstream->url('1.1'),
    'secret' => 'bench-token',
    'options' => ['owner' => 1, 'frontendAccessible' => true],
]]]));
$site->typo3('outbound-test:prepare', $prepare);
$workers = new SiteWorkers($site, $installation, $directory);

$times = $used = ['library' => [], 'nr-vault' => []];
for ($number = -10; $number < REQUESTS; ++$number) {
    $query = [
        'service' => 'crm',
        'url' => $upstream->url('1.1'),
        'path' => '/bytes/100',
        'first' => $number % 2 === 0 ? 'library' : 'nr-vault',
    ];
    $body = $workers->browser()->get('/outbound-timings?' . http_build_query($query))['body'];
    $results = json_decode($body, true);
    foreach (array_keys($times) as $client) {
        if (($results[$client]['status'] ?? null) !== 201) {
            fwrite(STDERR, "$client: $body\n" . $workers->log());
            exit(2);
        }
        // The first requests fill the caches of opcache and TYPO3.
        if ($number >= 0) {
            $times[$client][] = $results[$client]['us'];
            $used[$client][] = $results[$client]['cpu'];
        }
    }
}
$received = array_unique(array_column($upstream->nginx->received(), 'authorization'));
if ($received !== ['Bearer bench-token']) {
    fwrite(STDERR, "The API received something else.\n");
    exit(2);
}

$at = static function (array $values, float $share): float {
    sort($values);
    return $values[(int) floor($share * (count($values) - 1))] / 1000;
};
printf("TYPO3 %s on MariaDB and php-fpm, %d requests, each with one call by each client, HTTP/1.1 over TLS 1.3\n", new Typo3Version(), REQUESTS);
foreach ($times as $client => $values) {
    printf(
        "%-9s median %5.2f ms   from %5.2f to %5.2f ms (10 %% and 90 %%)   %5.2f ms of the worker's CPU\n",
        ...[$client, $at($values, .5), $at($values, .1), $at($values, .9), $at($used[$client], .5)],
    );
}
printf("The library's median is %.2f times nr-vault's.\n", $at($times['library'], .5) / $at($times['nr-vault'], .5));
$faster = count(array_filter(array_keys($times['library']), static fn (int $request): bool => $times['library'][$request] < $times['nr-vault'][$request]));
printf("The library's call was the faster one in %d of %d requests; %d is the least.\n", $faster, REQUESTS, LEAST);
$workers->stop();
$site->remove();
$server->stop();
$upstream->stop();
exit($faster >= LEAST ? 0 : 1);
