<?php

/**
 * Makes GETs through SecureHttpClient one after the other, and reports what each took, in microseconds, and how many went by which version of
 * HTTP: {"times": [], "versions": {}}. The first call is not measured.
 *
 * Input: {"configuration": document, "services": entries, "called": service IDs in their order, "envelope", "log": a file for audit records,
 *   "new": whether each call has an engine of its own}
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;

require __DIR__ . '/../../php/autoload.php';

$input = json_decode((string) stream_get_contents(STDIN), true, 16, JSON_THROW_ON_ERROR);
// Connections are an engine's, and another configuration has another engine.
$client = static fn (int $number): SecureHttpClient => new SecureHttpClient(new ServiceCalls(
    new ArrayServiceRegistry($input['services']),
    new ArrayCredentialProvider(['api_key' => $input['envelope']]),
    new TransportFactory(['defaults' => ['timeout_ms' => 30_000 - $number]] + $input['configuration']),
    new JsonLinesAuditSink($input['log']),
));
$kept = $client(0);
$times = $versions = [];
foreach ($input['called'] as $i => $service) {
    $of = $input['new'] ? $client($i) : $kept;
    $begun = hrtime(true);
    $response = $of->request($service, 'GET', '/charges/1');
    $taken = (hrtime(true) - $begun) / 1000;
    $response->isOk() || throw new RuntimeException('A call came to ' . $response->statusCode() . '.');
    if ($i > 0) {
        $times[] = $taken;
        $version = $response->audit()->toArray()['http_version'];
        $versions[$version] = 1 + ($versions[$version] ?? 0);
    }
}
echo json_encode(['times' => $times, 'versions' => (object) $versions], JSON_THROW_ON_ERROR), "\n";
