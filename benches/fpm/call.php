<?php

/**
 * A php-fpm request that makes one call. It reports the time and the processor time since its first line, both in microseconds.
 *
 * Input: {"client", "autoload", "directory", "log", "cache", "service", "url", "authority", "token"}
 */

declare(strict_types=1);

use GuzzleHttp\Client;
use Netresearch\NrVault\Outbound\SecureOutbound;
use Symfony\Component\HttpClient\CurlHttpClient;

$processorTime = require __DIR__ . '/processor-time.php';
[$begun, $used] = [hrtime(true), $processorTime()];
$input = json_decode((string) file_get_contents('php://input'), true);
$headers = ['Authorization' => 'Bearer ' . $input['token']];
switch ($input['client']) {
    case 'secure':
        require $input['autoload'];
        $status = SecureOutbound::fromDirectory($input['directory'], $input['log'], registryCache: $input['cache'])
            ->get($input['service'], '/charges/1')->statusCode();
        break;
    case 'guzzle':
        require 'GuzzleHttp/autoload.php';
        $guzzle = new Client(['verify' => $input['authority'], 'version' => 2.0]);
        $status = $guzzle->get($input['url'], ['headers' => $headers])->getStatusCode();
        break;
    case 'symfony':
        require 'Symfony/Component/HttpClient/autoload.php';
        $symfony = new CurlHttpClient(['cafile' => $input['authority'], 'http_version' => '2.0']);
        $response = $symfony->request('GET', $input['url'], ['headers' => $headers]);
        $response->getContent();
        $status = $response->getStatusCode();
        break;
    default:
        $handle = curl_init($input['url']);
        curl_setopt_array($handle, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CAINFO => $input['authority'],
            CURLOPT_HTTPHEADER => ['Authorization: ' . $headers['Authorization']],
            CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_2TLS,
        ]);
        curl_exec($handle);
        $status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
}
$answer = ['taken' => (hrtime(true) - $begun) / 1000, 'used' => $processorTime() - $used];
echo json_encode($answer + ['status' => $status]);
