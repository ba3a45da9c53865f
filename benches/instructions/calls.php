<?php

declare(strict_types=1);

/*
 * Makes the same call again and again. The JSON on its standard input, from benches/instructions.php, has the client, the number of calls
 * and the request.
 */

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\SecureOutbound;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;

require __DIR__ . '/../../php/autoload.php';

final class NoAuditSink implements AuditSink
{
    public function write(AuditEntry $entry): void
    {
    }

    public function begin(AuditEntry $intent): void
    {
    }

    public function complete(AuditEntry $entry): void
    {
    }
}

$input = json_decode((string) stream_get_contents(STDIN), true, 8, JSON_THROW_ON_ERROR);
$body = json_decode($input['body'], true);

/** The call as an application would write it. */
$through = static fn (SecureHttpClient $client): Closure => static fn (): int
    => $client->request($input['service'], 'POST', '/charges/1', ['json' => $body])->statusCode();

$clients = [
    'host' => static fn (): Closure
        => $through(SecureOutbound::fromDirectory($input['host'], $input['host'] . '/audit.jsonl')),
    'memory' => static fn (): Closure => $through(new SecureHttpClient(new ServiceCalls(
        new JsonFileServiceRegistry($input['host'] . '/services.json'),
        new ArrayCredentialProvider(['api_key' => $input['envelope']]),
        new TransportFactory(json_decode((string) file_get_contents($input['host'] . '/transport.json'), true)),
        new NoAuditSink(),
    ))),
    // For this client, PHP has the token itself.
    'curl' => static function () use ($input, $body): Closure {
        $handle = curl_init();
        return static function () use ($handle, $input, $body): int {
            curl_setopt_array($handle, [
                CURLOPT_URL => $input['url'],
                CURLOPT_RETURNTRANSFER => true,
                CURLOPT_CAINFO => $input['authority'],
                CURLOPT_POSTFIELDS => json_encode($body),
                CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Authorization: Bearer ' . $input['token']],
                CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_2TLS,
                CURLOPT_TIMEOUT_MS => 30000,
            ]);
            curl_exec($handle);
            return curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
        };
    },
];

$call = $clients[$input['client']]();
for ($i = 0; $i < $input['calls']; ++$i) {
    $call() === 200 || throw new RuntimeException('A call of ' . $input['client'] . ' failed.');
}
