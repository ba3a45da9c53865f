<?php

/**
 * A host's script, not preloaded, that makes one call, or ends during it.
 *
 * Input: {"config", "base_url", "transport", "log": audit file, "ways": list of
 *   "exit-first": a shutdown function of the host, registered before all others, calls exit()
 *   "exhaust": the provider of credentials uses up the memory
 *   "exit": the provider of credentials calls exit()}
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

require __DIR__ . '/../php/autoload.php';

$input = json_decode((string) file_get_contents('php://input'), true);
if (in_array('exit-first', $input['ways'], true)) {
    register_shutdown_function(static fn (): never => exit);
}
$provider = new class ($input['ways']) implements CredentialProvider {
    /**
     * @param list<string> $ways
     */
    public function __construct(private readonly array $ways)
    {
    }

    public function fetch(CredentialReference $reference): SealedCredential
    {
        if (in_array('exit', $this->ways, true)) {
            exit('left');
        }
        $all = [];
        while (in_array('exhaust', $this->ways, true)) {
            $all[] = new \stdClass();
        }
        return $reference->seal('nrv1:');
    }
};
$hasCredential = array_intersect(['exit', 'exhaust'], $input['ways']) !== [];
$registry = new ArrayServiceRegistry(['large' => [
    'base_url' => $input['base_url'],
    'policy' => ['allowed_methods' => ['GET'], 'response_bytes' => 64 << 20],
    'credentials' => $hasCredential ? [['identifier' => 'my_api_key', 'type' => 'bearer']] : [],
    'transport' => $input['transport'],
]]);
$transports = new TransportFactory($input['config']);
$sink = new JsonLinesAuditSink($input['log']);
$client = new SecureHttpClient(new ServiceCalls($registry, $provider, $transports, $sink));
try {
    $response = $client->request('large', 'GET', '/large');
    $result = ['came' => $response->statusCode() . ' ' . strlen($response->body())];
} catch (OutboundException $failure) {
    $result = ['came' => "{$failure->errorCode()} {$failure->sent()} {$failure->httpStatus()}"];
}
echo json_encode(['pid' => getmypid(), 'peak' => memory_get_peak_usage(true)] + $result);
