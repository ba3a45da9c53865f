<?php

/**
 * What a php-fpm worker does in the demo. The first half is all that an application needs.
 *
 * It is given a sealed credential and the path of a key file, never the secret.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\RustFfiTransport;
use Netresearch\NrVault\Transport\SealedCredential;

$demo = json_decode((string) file_get_contents(__DIR__ . '/demo.json'), true);
require $demo['autoload'];
require __DIR__ . '/Inventory.php';
require __DIR__ . '/canaries.php';

function attempt(RustFfiTransport $transport, RequestSpec $request): array
{
    try {
        return ['response' => $transport->send($request), 'refusal' => null];
    } catch (OutboundException $refusal) {
        return ['response' => null, 'refusal' => $refusal];
    }
}

$transport = new RustFfiTransport($demo['config']);
$credential = new SealedCredential($demo['identifier'], SealedCredential::BEARER, $demo['sealed']);
$policy = new Policy(allowedMethods: ['GET', 'POST'], allowedPaths: ['/v1/customers/{id}/notes']);

$note = new RequestSpec(
    serviceId: 'crm',
    method: 'POST',
    policy: $policy,
    baseUrl: $demo['base_url'],
    path: '/customers/cus_42/notes',
    headers: [['content-type', 'application/json']],
    body: '{"note":"called back"}',
    credentials: [$credential],
);
$sent = attempt($transport, $note);

$delete = new RequestSpec('crm', 'DELETE', $policy, $demo['base_url'], '/customers/cus_42/notes', credentials: [$credential]);
$refusedMethod = attempt($transport, $delete);

$metadata = new RequestSpec(
    'crm',
    'GET',
    new Policy(['GET'], ['169.254.169.254']),
    'https://169.254.169.254',
    '/latest/meta-data',
    credentials: [$credential],
);
$refusedAddress = attempt($transport, $metadata);

// Not preloaded, so closed to FFI: what php-fpm refuses shows that the mode is on.
try {
    FFI::cdef('int getpid(void);');
    $ffi = 'open';
} catch (FFI\Exception) {
    $ffi = 'closed';
}

$planted = plant($demo['nonce']);
$inventory = new Inventory($demo['inventory']);
$inventory->take(get_defined_vars());

$refusal = static fn (array $attempt): ?array => $attempt['refusal'] === null ? null : [
    'code' => $attempt['refusal']->errorCode(),
    'message' => $attempt['refusal']->getMessage(),
    'sent' => $attempt['refusal']->sent(),
    'class' => $attempt['refusal']::class,
];
header('Content-Type: application/json');
echo json_encode([
    'pid' => getmypid(),
    'sapi' => PHP_SAPI,
    'ffi_enable' => ini_get('ffi.enable'),
    'ffi_here' => $ffi,
    'response' => $sent['response'],
    'error' => $refusal($sent),
    'refused' => ['method' => $refusal($refusedMethod), 'address' => $refusal($refusedAddress)],
    'searched' => [
        'strings' => $inventory->strings,
        'objects' => $inventory->objects,
        'classes' => $inventory->classes,
    ],
], JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR);
