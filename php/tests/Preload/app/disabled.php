<?php

/**
 * What a host sees if its PHP lacks functions: how a call ends with each transport, and how a call through the client ends.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';
require 'Psr/Log/autoload.php';
require 'Psr/EventDispatcher/autoload.php';

$config = ['version' => 1, 'defaults' => ['timeout_ms' => 1000]];
// The address guard refuses this address, so nothing is sent even if no function is missing.
$url = 'https://127.0.0.1:1';
$sink = new MemoryAuditSink();
$client = static function (string $transport) use ($config, $url, $sink): void {
    $policy = ['allowed_methods' => ['GET']];
    $registry = new ArrayServiceRegistry(['my-api' => ['base_url' => $url, 'policy' => $policy, 'transport' => $transport]]);
    $calls = new ServiceCalls($registry, new ArrayCredentialProvider([]), new TransportFactory($config), $sink);
    (new SecureHttpClient($calls))->request('my-api', 'GET', '/');
};
$ways = [
    'rust' => static fn () => (new RustFfiTransport($config))->send(new RequestSpec('a', 'GET', new Policy(['GET']), $url)),
    'php' => static fn () => (new PhpTransport($config))->send(new RequestSpec('a', 'GET', new Policy(['GET']), $url)),
    'client, rust' => static fn () => $client('rust'),
    'client, php' => static fn () => $client('php'),
    'client, auto' => static fn () => $client('auto'),
];
foreach ($ways as $way => $call) {
    try {
        $call();
        echo $way, ": answered\n";
    } catch (OutboundException $failure) {
        echo $way, ': ', $failure->getMessage(), "\n";
    }
}
echo 'records: ', count($sink->entries()), "\n";
