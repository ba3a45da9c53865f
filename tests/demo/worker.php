<?php

/**
 * What a php-fpm worker does in the demo. The host's half makes a client; callBack() is all that an extension needs.
 *
 * It is given the paths of a registry, of sealed credentials and of a key file, never the secret.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Netresearch\NrVault\Service\SecureHttpResponse;

$demo = json_decode((string) file_get_contents(__DIR__ . '/demo.json'), true);
require $demo['autoload'];
require __DIR__ . '/Inventory.php';
require __DIR__ . '/canaries.php';

// The host, once.
$client = new SecureHttpClient(new ServiceCalls(
    new JsonFileServiceRegistry($demo['registry']),
    new DirectoryCredentialProvider($demo['credentials']),
    new TransportFactory($demo['config']),
    new JsonLinesAuditSink($demo['audit']),
    new StaticCallContext('frontend_user', '7'),
));

// The extension.
function callBack(SecureHttpClientInterface $client): SecureHttpResponse
{
    return $client->request('crm', 'POST', '/customers/cus_42/notes', ['json' => ['note' => 'called back']]);
}

function attempt(callable $call): array
{
    try {
        return ['response' => $call(), 'refusal' => null];
    } catch (OutboundException $refusal) {
        return ['response' => null, 'refusal' => $refusal];
    }
}

$sent = attempt(static fn (): SecureHttpResponse => callBack($client));
$refusedMethod = attempt(static fn () => $client->request('crm', 'DELETE', '/customers/cus_42/notes'));
$refusedAddress = attempt(static fn () => $client->request('metadata', 'GET', '/latest/meta-data'));

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
    'call' => strtok((string) strstr((string) file_get_contents(__FILE__), '$client->request('), "\n"),
    'response' => $sent['response'] === null ? null : [
        'status' => $sent['response']->statusCode(),
        'body' => $sent['response']->body(),
    ],
    'error' => $refusal($sent),
    'refused' => ['method' => $refusal($refusedMethod), 'address' => $refusal($refusedAddress)],
    'searched' => [
        'strings' => $inventory->strings,
        'objects' => $inventory->objects,
        'classes' => $inventory->classes,
    ],
], JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR);
