<?php

declare(strict_types=1);

/*
 * How many copies of a secret are in a php-fpm worker after five calls with a bearer token, by the library and by PHP's own clients.
 * For the latter, a script opens the envelope in PHP and wipes all its variables with sodium_memzero.
 *
 * php benches/copies.php     as root, because it reads other processes
 *
 * "open" is measured while the connection is open, "after" when it is closed and the PHP request has ended. The library has its own copy
 * of the master key in locked pages, which core files leave out; that copy is not counted.
 */

use Netresearch\NrVault\Outbound\Tests\Support\Memory\Calls;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Copy;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Measurement;
use Netresearch\NrVault\Transport\CredentialReference;

require __DIR__ . '/../php/tests/bootstrap.php';

/** The numbers of copies of the token, of the data key and of the master key. */
$count = static function (array $copies): string {
    $of = static fn (string $secret): int => count(array_filter(
        $copies,
        static fn (Copy $copy): bool => $copy->secret === $secret && !$copy->locked,
    ));
    return sprintf('%d / %d / %d', $of('token'), $of('data key of token'), $of(Calls::MASTER_KEY));
};

$clients = [
    'Guzzle' => static fn (Measurement $measurement): array => $measurement->peer('guzzle'),
    'curl' => static fn (Measurement $measurement): array => $measurement->peer('curl'),
    'PhpTransport' => static fn (Measurement $measurement): array => $measurement->peer('transport'),
    'this library' => static function (Measurement $measurement): array {
        $calls = $measurement->calls;
        $call = $calls->request([$calls->typed('token', CredentialReference::BEARER, 'token')], body: 'a=1');
        $outcomes = $measurement->send(array_fill(0, 5, $call));
        $outcomes === [201, 201, 201, 201, 201] || throw new RuntimeException((string) json_encode($outcomes));
        $open = $measurement->inMemory();
        $measurement->hangUp();
        return [$open, $measurement->inMemory()];
    },
];

echo "Copies of the token / the data key / the master key\n\n";
echo "| client | HTTP/1.1, open | after | HTTP/2, open | after |\n|---|---|---|---|---|\n";
foreach ($clients as $name => $measure) {
    $cells = [];
    foreach (['1.1', '2'] as $http) {
        $measurement = new Measurement($http);
        array_push($cells, ...array_map($count, $measure($measurement)));
        $measurement->stop();
    }
    echo '| ', $name, ' | ', implode(' | ', $cells), " |\n";
}
