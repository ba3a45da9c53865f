<?php

/**
 * A host's script, not preloaded, whose files are all behind a symbolic link: configuration, registry, key, envelope, trust anchor and
 * audit log.
 *
 * Input: {"directory", "transport"}
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;

require __DIR__ . '/../php/autoload.php';
require 'Psr/Log/autoload.php';
require 'Psr/EventDispatcher/autoload.php';

$input = json_decode((string) file_get_contents('php://input'), true);
$directory = $input['directory'];
try {
    $client = new SecureHttpClient(new ServiceCalls(
        new JsonFileServiceRegistry($directory . '/services.json'),
        new DirectoryCredentialProvider($directory . '/vault'),
        new TransportFactory(ConfigFile::read($directory . '/transport.json')),
        new JsonLinesAuditSink($directory . '/log/audit.jsonl', timeoutMs: 100),
    ));
    $response = $client->request($input['transport'], 'GET', '/echo');
    $result = ['headers' => $response->json()['headers'], 'transport' => $response->audit()->record['transport']];
} catch (OutboundException $exception) {
    $result = ['message' => $exception->getMessage()];
}
echo json_encode(['pid' => getmypid()] + $result);
