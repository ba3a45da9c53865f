<?php

/**
 * make demo-typo3: a TYPO3 with nginx, php-fpm and one service that works, on loopback, until it is stopped. With ONCE=1 it makes
 * its calls, shows them and ends. The exit code is 0 only if each call ended as expected, and the site was there in time.
 *
 *   demo.php INSTALLATION [SECONDS]   SECONDS: the time that has gone before, for fetching the packages
 */

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\SiteWorkers;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use TYPO3\CMS\Core\Information\Typo3Version;

const MINUTES = 5;

require $argv[1] . '/vendor/autoload.php';

if (posix_geteuid() !== 0) {
    fwrite(STDERR, "make demo-typo3 starts php-fpm with a master of root's and a worker of www-data's: run it as root.\n");
    exit(1);
}

$started = hrtime(true) - (int) ($argv[2] ?? 0) * 1_000_000_000;
$token = 'demo_' . bin2hex(random_bytes(16));
$upstream = new Upstream();
$directory = new TempDir('demo');
$installation = new Installation($directory);
$site = new Site('demo', [
    'HTTP' => ['verify' => $upstream->tls->authority],
    'SYS' => ['nrVault' => ['outbound' => ['internal_hosts' => $upstream->config()['internal_hosts'], 'php_transport' => false]]],
], $installation, '/');
$prepare = $site->write('prepare.json', (string) json_encode(['services' => [[
    'id' => 'crm',
    'base_url' => $upstream->url(),
    'secret' => $token,
    'options' => ['owner' => 1, 'frontendAccessible' => true],
    'fields' => ['allowed_paths' => "/v1/bytes/{number}\n/v1/status/{number}", 'test_method' => 'GET', 'test_path' => '/bytes/3'],
]]]));
$site->typo3('outbound-test:prepare', $prepare);
unlink($prepare);
$workers = new SiteWorkers($site, $installation, $directory);

$seconds = intdiv(hrtime(true) - $started, 1_000_000_000);
printf("TYPO3 %s with nr-vault, nginx and php-fpm, after %d s\n\n", new Typo3Version(), $seconds);
printf("  backend   %s/typo3/module/tools/outbound   (%s, %s)\n", $workers->url(), Site::ADMIN, Site::PASSWORD);
printf("  a call    %s/outbound-test?service=crm&path=/bytes/3\n", $workers->url());
printf("  the API   %s   (it gets the token of the service, and shows nobody what it got)\n\n", $upstream->url());

$failed = 0;
$browser = $workers->browser();
foreach (['/bytes/3' => 201, '/status/404' => 404, '/admin' => 'policy.path_not_allowed'] as $path => $expected) {
    $result = (array) json_decode($browser->get('/outbound-test?service=crm&path=' . $path)['body'], true);
    $outcome = $result['status'] ?? $result['code'] ?? null;
    $isRight = $outcome === $expected && ($result['transport'] ?? 'rust-ffi') === 'rust-ffi';
    printf("%-7s GET %-12s %s\n", $isRight ? 'ok' : 'FAILED', $path, is_scalar($outcome) ? $outcome : 'nothing');
    $failed += $isRight ? 0 : 1;
}
$received = array_column($upstream->nginx->received(), 'authorization');
$isRight = $received === ["Bearer $token", "Bearer $token"];
printf("%-7s the API got the token with the two calls that the policy allows\n", $isRight ? 'ok' : 'FAILED');
$failed += $isRight ? 0 : 1;

$isRight = $seconds < MINUTES * 60;
printf("%-7s the site was there in less than %d minutes\n", $isRight ? 'ok' : 'FAILED', MINUTES);
$failed += $isRight ? 0 : 1;

if (getenv('ONCE') !== '1') {
    echo "\nIt stays until Ctrl-C.\n";
    while (true) {
        sleep(3600);
    }
}
$workers->stop();
$site->remove();
$upstream->stop();
exit($failed === 0 ? 0 : 1);
