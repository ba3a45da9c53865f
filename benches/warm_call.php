<?php

declare(strict_types=1);

/*
 * A warm call from PHP, against php-curl with a handle that is used again, on the same nginx in one run.
 *
 * php benches/warm_call.php [calls]      each client makes that many calls in turns of 100; 5000 unless told
 *
 * curl has the token in PHP and sends what it is told. The library opens an envelope, decides, guards and records besides.
 */

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/tests/bootstrap.php';

const TURN = 100;

$calls = max(TURN, (int) ($argv[1] ?? 5000));
$directory = new TempDir('bench');
$tls = new Certificates($directory);
$ports = ['2' => Port::free(), '1.1' => Port::free()];
$server = static fn (string $http, int $port): string => sprintf(
    'server { listen 127.0.0.1:%d ssl%s; server_name localhost; location / { return 200 "%s"; } }' . "\n",
    $port,
    $http === '2' ? ' http2' : '',
    str_repeat('x', 200),
);
$configuration = $directory->write('nginx.conf', <<<CONF
    daemon off;
    master_process off;
    pid {$directory->path}/nginx.pid;
    error_log {$directory->path}/error.log warn;
    events { }
    http {
        access_log off;
        keepalive_requests 1000000;
        client_body_temp_path {$directory->path}/body;
        proxy_temp_path {$directory->path}/proxy;
        fastcgi_temp_path {$directory->path}/fastcgi;
        uwsgi_temp_path {$directory->path}/uwsgi;
        scgi_temp_path {$directory->path}/scgi;
        ssl_certificate {$tls->certificate};
        ssl_certificate_key {$tls->key};
        {$server('2', $ports['2'])}
        {$server('1.1', $ports['1.1'])}
    }
    CONF);
$nginx = new Process(
    ['nginx', '-c', $configuration, '-p', $directory->path, '-e', $directory->path . '/error.log'],
    $directory->path . '/nginx.out',
);
$nginx->waitUntil(static fn (): bool => Port::isOpen($ports['2']) && Port::isOpen($ports['1.1']), 'nginx');

$key = random_bytes(32);
$token = 'sk-' . bin2hex(random_bytes(20));
$sealed = (new Sealer($key))->seal('my_api_key', json_encode(['token' => $token], JSON_THROW_ON_ERROR));
$body = json_encode(['amount' => 100, 'currency' => 'eur'], JSON_THROW_ON_ERROR);
$transport = new RustFfiTransport([
    'version' => 1,
    'master_keys' => [['provider' => 'raw', 'key_base64' => base64_encode($key)]],
    'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8'], 'ports' => array_values($ports)]],
    'tls' => ['roots' => 'file', 'ca_file' => $tls->authority],
], Build::library());

printf("%d calls of each, POST of %d bytes over TLS 1.3, microseconds for one call\n", $calls, strlen($body));
foreach ($ports as $http => $port) {
    $request = new RequestSpec(
        serviceId: 'bench',
        method: 'POST',
        policy: new Policy(allowedMethods: ['POST'], allowedPaths: ['/v1/charges/**']),
        baseUrl: "https://localhost:$port/v1",
        path: '/charges/1',
        headers: [['content-type', 'application/json']],
        body: $body,
        credentials: [(new CredentialReference('my_api_key', 'bearer'))->seal($sealed)],
    );
    $handle = curl_init("https://localhost:$port/v1/charges/1");
    curl_setopt_array($handle, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_CAINFO => $tls->authority,
        CURLOPT_POSTFIELDS => $body,
        CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Authorization: Bearer ' . $token],
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
$nginx->stop();
