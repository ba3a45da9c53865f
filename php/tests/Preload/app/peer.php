<?php

/**
 * Five calls with a bearer token without the library. For curl and Guzzle, this script opens the envelope itself, and wipes each of its
 * variables as soon as it is no longer used.
 *
 * Input: {"client": "curl" | "guzzle" | "transport", "http": "1.1" | "2", "url", "authority", "key_file", "identifier", "sealed", "hold",
 * "config": {…}, "request": {"head", "body", "sealed"}}; the last two are for PhpTransport. After the calls, the script writes its process
 * ID to the file "<hold>.held", and ends when the file "hold" is gone.
 */

declare(strict_types=1);

$input = json_decode((string) file_get_contents('php://input'), true);

/** The token that the envelope holds. */
$open = static function () use ($input): string {
    $text = (string) file_get_contents($input['key_file']);
    $masterKey = base64_decode($text);
    sodium_memzero($text);
    $fields = json_decode(base64_decode(substr($input['sealed'], strlen('nrv1:'))), true);
    $decrypt = static fn (string $field, string $nonce, #[SensitiveParameter] string $key): string
        => sodium_crypto_aead_xchacha20poly1305_ietf_decrypt(
            base64_decode($fields[$field]),
            $input['identifier'],
            base64_decode($fields[$nonce]),
            $key,
        );
    $dataKey = $decrypt('encrypted_dek', 'dek_nonce', $masterKey);
    sodium_memzero($masterKey);
    $payload = $decrypt('encrypted_value', 'value_nonce', $dataKey);
    sodium_memzero($dataKey);
    $document = json_decode($payload, true);
    sodium_memzero($payload);
    $token = $document['token'];
    sodium_memzero($document['token']);
    return $token;
};

$http2 = $input['http'] === '2';
if ($input['client'] === 'transport') {
    require __DIR__ . '/../php/autoload.php';
    $transport = new Netresearch\NrVault\Transport\Php\PhpTransport($input['config']);
} elseif ($input['client'] === 'guzzle') {
    require 'GuzzleHttp/autoload.php';
    $guzzle = new GuzzleHttp\Client(['verify' => $input['authority'], 'version' => $http2 ? 2.0 : 1.1]);
} else {
    $curl = curl_init();
}
$statuses = [];
for ($call = 0; $call < 5; $call++) {
    if (isset($transport)) {
        $request = Netresearch\NrVault\Transport\RequestSpec::fromWire(...$input['request']);
        $statuses[] = $transport->send($request)->status;
        continue;
    }
    $token = $open();
    $value = 'Bearer ' . $token;
    sodium_memzero($token);
    if (isset($guzzle)) {
        $response = $guzzle->post($input['url'], ['headers' => ['Authorization' => $value], 'body' => 'a=1']);
        $statuses[] = $response->getStatusCode();
    } else {
        $line = 'Authorization: ' . $value;
        curl_setopt_array($curl, [
            CURLOPT_URL => $input['url'],
            CURLOPT_CAINFO => $input['authority'],
            CURLOPT_HTTP_VERSION => $http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1,
            CURLOPT_POSTFIELDS => 'a=1',
            CURLOPT_HTTPHEADER => [$line],
            CURLOPT_RETURNTRANSFER => true,
        ]);
        curl_exec($curl);
        $statuses[] = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        curl_setopt($curl, CURLOPT_HTTPHEADER, []);
        sodium_memzero($line);
    }
    sodium_memzero($value);
}
file_put_contents($input['hold'] . '.part', (string) getmypid());
rename($input['hold'] . '.part', $input['hold'] . '.held');
$end = time() + 120;
while (file_exists($input['hold']) && time() < $end) {
    usleep(5_000);
    clearstatcache();
}
unset($curl, $guzzle, $response, $transport);
echo json_encode(['pid' => getmypid(), 'statuses' => $statuses]);
