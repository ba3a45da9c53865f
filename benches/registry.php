<?php

declare(strict_types=1);

/*
 * What a registry costs each php-fpm request, read as it is and compiled: from the making of JsonFileServiceRegistry to the
 * definition of one service, classes from opcache included. In turns, in one worker.
 *
 * php benches/registry.php [requests]      so many of each, 300 unless told; as root
 */

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

require __DIR__ . '/../php/tests/bootstrap.php';

const SIZES = [1, 500, 5000];
const PATTERNS = 1000;

$requests = max(1, (int) ($argv[1] ?? 300));
$directory = new TempDir('registry');
$service = static fn (int $id, int $patterns): array => [
    'base_url' => "https://api$id.example.com/v1",
    'policy' => [
        'allowed_methods' => ['GET', 'POST'],
        'allowed_paths' => array_map(static fn (int $path): string => "/v1/resources$path/{id}/notes", range(1, $patterns)),
        'timeout_ms' => 10000,
    ],
    'headers' => ['accept' => 'application/json'],
    'credentials' => [['identifier' => "vault:key_$id", 'type' => 'bearer']],
];
$files = [];
foreach (SIZES as $size) {
    $services = [];
    for ($id = 0; $id < $size; ++$id) {
        $services["service-$id"] = $service($id, 3);
    }
    $files["$size services"] = (string) json_encode(['version' => 1, 'services' => $services]);
}
$files[PATTERNS . ' patterns'] = (string) json_encode(['version' => 1, 'services' => ['service-0' => $service(0, PATTERNS)]]);
foreach ($files as $name => $json) {
    $files[$name] = $directory->write(strtr($name, ' ', '-') . '.json', $json);
}
mkdir($directory->path . '/cache', 0700);
chown($directory->path . '/cache', Fpm::USER);

$fpm = new Fpm([]);
$ask = static fn (string $file, ?string $cache): array => $fpm->request(__DIR__ . '/fpm/registry.php', (string) json_encode([
    'autoload' => dirname(__DIR__) . '/php/autoload.php',
    'file' => $file,
    'cache' => $cache,
    'id' => 'service-0',
]))->json();
try {
    foreach ($files as $file) {
        Poll::until(static fn (): bool => $ask($file, $directory->path . '/cache')['compiled'], 'the compiled registry');
        $ask($file, null);
    }
    $taken = [];
    for ($turn = 0; $turn < $requests; ++$turn) {
        foreach ($files as $name => $file) {
            foreach (['as it is' => null, 'compiled' => $directory->path . '/cache'] as $way => $cache) {
                $taken[$name][$way][] = $ask($file, $cache)['taken'] / 1000;
            }
        }
    }
} finally {
    $fpm->stop();
}
printf("%d php-fpm requests of each, PHP %s, microseconds\n", $requests, PHP_VERSION);
foreach ($taken as $name => $ways) {
    foreach ($ways as $way => $times) {
        sort($times);
        printf("%-14s %-10s  min %9.1f   median %9.1f\n", $name, $way, $times[0], $times[intdiv(count($times), 2)]);
    }
}
