<?php

declare(strict_types=1);

/*
 * A warm call from PHP, against php-curl with a handle that is used again, on the same nginx in one run.
 *
 * php benches/warm_call.php [calls]      each client makes that many calls in turns of 100; 5000 unless told
 *
 * curl has the token in PHP and sends what it is told. The library opens an envelope, decides, guards and records besides.
 */

use Netresearch\NrVault\Outbound\Benches\Api;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/tests/bootstrap.php';
require __DIR__ . '/support/Api.php';

const TURN = 100;

$calls = max(TURN, (int) ($argv[1] ?? 5000));
$api = new Api();
$body = json_encode(['amount' => 100, 'currency' => 'eur'], JSON_THROW_ON_ERROR);
$transport = new RustFfiTransport($api->configuration(), Build::library());

printf("%d calls of each, POST of %d bytes over TLS 1.3, microseconds for one call\n", $calls, strlen($body));
foreach (array_keys($api->ports) as $http) {
    $request = new RequestSpec(
        serviceId: 'bench',
        method: 'POST',
        policy: new Policy(allowedMethods: ['POST'], allowedPaths: ['/v1/charges/**']),
        baseUrl: $api->url((string) $http),
        path: '/charges/1',
        headers: [['content-type', 'application/json']],
        body: $body,
        credentials: [(new CredentialReference('api_key', 'bearer'))->seal($api->envelope)],
    );
    $handle = curl_init($api->url((string) $http) . '/charges/1');
    curl_setopt_array($handle, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_CAINFO => $api->tls->authority,
        CURLOPT_POSTFIELDS => $body,
        CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Authorization: Bearer ' . $api->token],
        CURLOPT_HTTP_VERSION => (string) $http === '2' ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1,
        CURLOPT_TIMEOUT_MS => 30000,
    ]);
    $clients = [
        'php-curl, handle reused' => static fn (): bool => curl_exec($handle) !== false,
        'secure-outbound' => static fn (): bool => $transport->send($request)->status === 200,
    ];
    $times = array_fill_keys(array_keys($clients), []);
    // In turns, so that whatever else the machine does meets both alike; the first turn of each only warms up.
    for ($turn = 0; $turn <= $calls / TURN; ++$turn) {
        foreach ($clients as $name => $call) {
            $begun = hrtime(true);
            for ($i = 0; $i < TURN; ++$i) {
                $call() || throw new RuntimeException("A call of $name failed.");
            }
            if ($turn > 0) {
                $times[$name][] = (hrtime(true) - $begun) / TURN / 1000;
            }
        }
    }
    foreach ($times as $name => $list) {
        sort($list);
        printf(
            "HTTP/%-3s  %-24s  min %6.1f   median %6.1f   max %6.1f\n",
            $http,
            $name,
            $list[0],
            $list[intdiv(count($list), 2)],
            $list[count($list) - 1],
        );
        $median[$name] = $list[intdiv(count($list), 2)];
    }
    printf("HTTP/%-3s  ratio of the medians     %.2f\n", $http, $median['secure-outbound'] / $median['php-curl, handle reused']);
}
$api->stop();
