<?php

/**
 * make demo: a sealed credential reaches an HTTPS API from php-fpm, and PHP never holds it.
 *
 * Everything runs on loopback in a directory of its own: `make install` into it, an nginx as the API, and a php-fpm with
 * one worker. Exit code 0 only where each line under "Checked" was.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

$root = dirname(__DIR__, 2);
require $root . '/php/tests/bootstrap.php';
require __DIR__ . '/canaries.php';
require __DIR__ . '/Search.php';

set_error_handler(static function (int $level, string $message): bool {
    return (error_reporting() & $level) !== 0 ? throw new ErrorException($message) : false;
});
// However it ends, the programs are stopped first, so that nothing writes into the directories while they go.
$programs = [];
register_shutdown_function(static function () use (&$programs): void {
    restore_error_handler();
    foreach ($programs as $program) {
        $program->stop();
    }
});
pcntl_async_signals(true);
foreach ([SIGINT, SIGTERM, SIGHUP] as $signal) {
    pcntl_signal($signal, static fn () => exit(130));
}

function heading(string $text): void
{
    echo "\n", $text, "\n", str_repeat('-', strlen($text)), "\n";
}

/** The API: TLS 1.3 and HTTP/2. It knows the token, answers 401 without it, and logs what it received. */
function upstream(TempDir $directory, Certificates $tls, int $port, #[SensitiveParameter] string $token): Process
{
    $configuration = strtr((string) file_get_contents(__DIR__ . '/nginx.conf'), [
        '@DIRECTORY@' => $directory->path,
        '@PORT@' => (string) $port,
        '@LISTEN6@' => Port::hasIpv6() ? 'listen [::1]:' . $port . ' ssl http2;' : '',
        '@CERTIFICATE@' => $tls->certificate,
        '@KEY@' => $tls->key,
        '@TOKEN@' => $token,
    ]);
    $file = $directory->write('nginx.conf', $configuration, 0600);
    $nginx = new Process(
        ['nginx', '-c', $file, '-p', $directory->path, '-e', $directory->path . '/nginx-error.log'],
        $directory->path . '/nginx.out',
    );
    $nginx->waitUntil(static fn (): bool => Port::isOpen($port), 'nginx');
    return $nginx;
}

/** What the API logged. A line may come a moment after its response; none at all is an answer as well. */
function received(TempDir $directory): array
{
    $read = static fn (): array => file($directory->path . '/received.log', FILE_IGNORE_NEW_LINES) ?: [];
    try {
        Poll::until(static fn (): bool => $read() !== [], 'the log of the API', 2.0);
    } catch (RuntimeException) {
    }
    return array_map(static fn (string $line): array => json_decode($line, true), $read());
}

// What is shown at the end, and what the exit code stands for.
$checks = [];
$check = static function (string $what, bool $holds) use (&$checks): void {
    $checks[$what] = $holds;
};

// Set up: an installation, an API, a key file as an operator lays it down, a credential as nr-vault stores it.

if (posix_geteuid() !== 0) {
    fwrite(STDERR, "make demo starts php-fpm with a master of root's and a worker of www-data's: run it as root.\n");
    exit(1);
}
$directory = new TempDir('demo');
$prefix = $directory->path . '/usr';
$install = Process::run([$root . '/packaging/install', 'install', $prefix]);
if ($install['code'] !== 0) {
    throw new RuntimeException('make install: ' . $install['output']);
}

$token = 'demo_' . bin2hex(random_bytes(16));
$masterKey = random_bytes(32);
$keyFile = $directory->write('master.key', base64_encode($masterKey), 0400);
chown($keyFile, Fpm::USER);
$port = Port::free();
$identifier = '01937b6e-4b6c-7abc-8def-0123456789ab';
$seal = Process::run(
    [$prefix . '/bin/secure-outbound', 'seal', $identifier, '--key-file=' . $keyFile],
    input: (string) json_encode([
        'type' => 'bearer',
        'token' => $token,
        'binding' => ['hosts' => ['localhost:' . $port], 'methods' => ['GET', 'POST']],
    ]),
);
if ($seal['code'] !== 0) {
    throw new RuntimeException('secure-outbound seal: ' . $seal['output']);
}
$sealed = trim($seal['output']);
$directory->write('vault/' . $identifier, $sealed);

$tls = new Certificates($directory);
$programs[] = upstream($directory, $tls, $port, $token);

foreach (['worker.php', 'Inventory.php', 'canaries.php'] as $file) {
    $directory->write('app/' . $file, (string) file_get_contents(__DIR__ . '/' . $file));
}
$nonce = bin2hex(random_bytes(8));
$inventory = $directory->write('inventory', '', 0600);
chown($inventory, Fpm::USER);
// What an extension never sees: where the service is, what may be asked of it, and which credential it takes.
$registry = $directory->write('services.json', (string) json_encode(['version' => 1, 'services' => [
    'crm' => [
        'base_url' => 'https://localhost:' . $port . '/v1',
        'policy' => ['allowed_methods' => ['GET', 'POST'], 'allowed_paths' => ['/v1/customers/{id}/notes']],
        'credentials' => [['identifier' => 'vault:' . $identifier, 'type' => 'bearer']],
        'audit' => 'required',
    ],
    'metadata' => [
        'base_url' => 'https://169.254.169.254',
        'policy' => ['allowed_methods' => ['GET']],
    ],
]]));
$audit = $directory->write('audit.jsonl', '', 0600);
chown($audit, Fpm::USER);
$directory->write('app/demo.json', (string) json_encode([
    'autoload' => $prefix . '/share/secure-outbound/php/autoload.php',
    'registry' => $registry,
    'credentials' => $directory->path . '/vault',
    'audit' => $audit,
    'nonce' => $nonce,
    'inventory' => $inventory,
    'config' => [
        'master_keys' => [['id' => 'demo', 'provider' => 'file', 'path' => $keyFile]],
        'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]]],
        'tls' => ['roots' => 'file', 'ca_file' => $tls->authority],
        'limits' => ['require_binding' => true],
        'php_transport' => false,
    ],
]));
$programs[] = $fpm = new Fpm([
    'ffi.preload' => $prefix . '/include/secure_outbound.h',
    'opcache.preload' => $prefix . '/share/secure-outbound/php/preload.php',
    'opcache.preload_user' => Fpm::USER,
]);

// The one PHP request, with everything in it.

$answer = $fpm->request($directory->path . '/app/worker.php')->json();
$user = posix_getpwuid((int) fileowner('/proc/' . $answer['pid']))['name'];
$logged = received($directory);
$seen = $logged[0] ?? ['request' => 'nothing', 'tls' => '', 'authorization' => '', 'body' => ''];
$response = $answer['response'];
$records = array_map(
    static fn (string $line): array => json_decode($line, true),
    file($audit, FILE_IGNORE_NEW_LINES) ?: [],
);
[$intent, $record] = $records + [[], []];

echo "API         nginx, https://localhost:$port, TLS 1.3 and HTTP/2; answers 401 without the right token\n";
echo 'Credential  a bearer token, sealed by secure-outbound seal: ', substr($sealed, 0, 24), '… (', strlen($sealed), " bytes)\n";
echo 'Call        ', $answer['call'], "\n";
echo "Worker      php-fpm process {$answer['pid']} of $user, ffi.enable={$answer['ffi_enable']}; it gets the sealed text\n";

heading('What the API received');
echo $seen['request'], ', ', $seen['tls'], "\nauthorization: ", $seen['authorization'], "\n", $seen['body'], "\n";
$check('the API received the credential, once', count($logged) === 1 && $seen['authorization'] === 'Bearer ' . $token);
$check('over TLS 1.3 and HTTP/2', $seen['tls'] === 'TLSv1.3' && str_ends_with($seen['request'], 'HTTP/2.0'));
$check('PHP ran in a php-fpm worker with ffi.enable=preload, its own files closed to FFI', $answer['sapi'] === 'fpm-fcgi'
    && $answer['ffi_enable'] === 'preload' && $answer['ffi_here'] === 'closed' && $user === Fpm::USER);

heading('What PHP got back');
echo $response === null
    ? 'nothing: ' . json_encode($answer['error']) . "\n"
    : "{$response['status']}  {$response['body']}\n";
$check('PHP got the response', ($response['status'] ?? null) === 201 && str_contains($response['body'], 'note_7'));

heading('The audit record');
echo wordwrap(strtr((string) json_encode($record, JSON_UNESCAPED_SLASHES), [',"' => ', "']), 110), "\n";
$check('the audit record tells of the call', ($record['status'] ?? null) === 201
    && ($record['credentials'] ?? []) === [$identifier] && ($record['transport'] ?? '') === 'rust-ffi'
    && ($record['path_template'] ?? '') === '/v1/customers/{id}/notes' && ($record['caller'] ?? '') === 'callBack');
$check('an intent was written before, and each refusal has a record of its own', count($records) === 4
    && ($intent['state'] ?? '') === 'intent' && ($intent['id'] ?? '') === ($record['id'] ?? null)
    && array_column($records, 'error_code') === [null, null, 'policy.method_not_allowed', 'policy.address_not_allowed']);

heading('What the policy refused');
$expected = [
    'method' => ['DELETE /v1/customers/cus_42/notes', 'policy.method_not_allowed'],
    'address' => ['GET https://169.254.169.254/latest/meta-data', 'policy.address_not_allowed'],
];
foreach ($expected as $what => [$request, $code]) {
    $refusal = $answer['refused'][$what] ?? ['code' => 'it was not refused', 'sent' => '?'];
    printf("%-46s %s, sent: %s\n", $request, $refusal['code'], $refusal['sent']);
    $check("refused by its $what, nothing sent", $refusal['code'] === $code && $refusal['sent'] === 'no');
}

heading('Is the secret in PHP?');
$search = Search::inventory($inventory);
$search->add('log of php-fpm', $fpm->log());
$search->add('answer of the worker', (string) json_encode($answer));
printf(
    "searched: %d strings in variables, %d objects, statics of %d classes, dumps, exceptions with arguments, logs\n",
    ...array_values($answer['searched']),
);
foreach (['the token' => $token, 'the master key' => $masterKey] as $what => $value) {
    $places = $search->find($value);
    printf("%-16s found in %d places %s\n", $what, count($places), implode(', ', $places));
    $check("$what is in no PHP variable of the worker", $places === []);
}
$missed = array_filter(CANARY_PLACES, static fn (string $place): bool => $search->find(canary($nonce, $place)) === []);
printf("%-16s %d planted, %d found %s\n", 'control', count(CANARY_PLACES), count(CANARY_PLACES) - count($missed), implode(', ', $missed));
$check('the search finds every planted value, and not one that was not planted', $missed === []
    && $search->find(canary($nonce, 'not planted')) === []);

heading('Checked');
foreach ($checks as $what => $holds) {
    echo $holds ? 'ok    ' : 'FAILED', '  ', $what, "\n";
}
$failed = count(array_filter($checks, static fn (bool $holds): bool => !$holds));
printf("\n%d passed, %d failed\n", count($checks) - $failed, $failed);
exit($failed === 0 ? 0 : 1);
