<?php

/**
 * Makes the library panic in a php-fpm worker, before and after it has opened a credential, and prints as JSON the outcomes of the calls
 * and the copies in the worker afterwards. The library has to be built with the feature test-hooks.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Tests\Support\Memory\Copy;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Measurement;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;

require __DIR__ . '/../../bootstrap.php';

$measurement = new Measurement('2');
$calls = $measurement->calls;
$request = static fn (string $service, array $credentials): RequestSpec => new RequestSpec(
    ...['serviceId' => $service] + get_object_vars($calls->request(
        $credentials,
        [['content-type', 'application/json']],
    )),
);
$bearer = $calls->typed('bearer', CredentialReference::BEARER, 'token');
$all = [$bearer, $calls->secret('query', Placement::query('key')), $calls->secret('field', Placement::bodyField('key'))];
$outcomes = $measurement->send([
    'warm' => $request('warm', $all),
    'closed' => $request('test.panic', $all),
    'open' => $request('test.panic.opened', $all),
    'after' => $request('after', $all),
]);
$copies = static fn (array $found): array => array_map(static fn (Copy $copy): array => (array) $copy, $found);
echo json_encode([
    'outcomes' => $outcomes,
    'hung up' => $measurement->hangUp(),
    'memory' => $copies($measurement->inMemory()),
    'core' => $copies($measurement->inCore()),
    'texts' => $measurement->inTexts(),
]);
$measurement->stop();
