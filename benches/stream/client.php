<?php

/**
 * A process that makes calls with one client, and reports what they took: {"times": in microseconds, "used": processor time, "grown": KiB
 * by which the largest size of the process has grown}. One call before is not measured.
 *
 * Input: {"client": "secure", "curl" or "guzzle", "task", "size": in bytes, "host": the directory of a host, "log", "service", "url",
 *   "authority", "token", "http", "far": the server's address from far away, "files": a directory with a file of that size, "sink": a file}
 */

declare(strict_types=1);

use GuzzleHttp\Client;
use GuzzleHttp\Promise\Utils as Promises;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\SecureOutbound;

const LINES = 50;
const CALLS = 50;
const CANCELLED = 20;

require __DIR__ . '/../../php/tests/bootstrap.php';
require 'GuzzleHttp/autoload.php';
$processorTime = require __DIR__ . '/../fpm/processor-time.php';
$input = json_decode((string) stream_get_contents(STDIN), true);
[$service, $size] = [$input['service'], $input['size']];
$largest = static function (): int {
    preg_match('/^VmHWM:\s+(\d+) kB$/m', (string) file_get_contents('/proc/self/status'), $found);
    return (int) $found[1];
};
$passed = static fn (string $line): float => (hrtime(true) - (int) $line) / 1000;
$checked = static fn (int $status): bool => $status === 200 || throw new RuntimeException('A call came to ' . $status . '.');
// libcurl does not look localhost up.
$far = $input['task'] === 'far' ? [sprintf('localhost:%d:%s', parse_url($input['url'], PHP_URL_PORT), $input['far'])] : [];
$handle = static function (string $path, array $options = []) use ($input, $far): CurlHandle {
    $handle = curl_init($input['url'] . $path);
    // In this order, because each of these options replaces what the one before says about the body.
    curl_setopt_array($handle, array_replace([
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_CAINFO => $input['authority'],
        CURLOPT_RESOLVE => $far,
        CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . $input['token'], 'Expect:'],
        CURLOPT_HTTP_VERSION => $input['http'] === '2' ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1,
        // Calls wait for a connection that can have all of them, as those of this library do.
        CURLOPT_PIPEWAIT => $input['http'] === '2',
    ], $options));
    return $handle;
};
$ofCurl = static function (string $path, array $options = []) use ($handle, $checked): void {
    $one = $handle($path, $options);
    curl_exec($one);
    $checked(curl_getinfo($one, CURLINFO_RESPONSE_CODE));
};
$secure = $input['client'] === 'secure' ? SecureOutbound::fromDirectory($input['host'], $input['log'], registryCache: null) : null;
$guzzle = new Client(['verify' => $input['authority'], 'version' => (float) $input['http'], 'timeout' => 300, 'curl' => [CURLOPT_RESOLVE => $far]]);
$multi = curl_multi_init();
$reused = $handle('/');

$times = [];
$tasks = [
    'secure lines' => static function (int $lines) use ($secure, $service, $passed, &$times): void {
        foreach ($secure->stream($service, 'GET', '/lines/' . $lines)->lines() as $line) {
            $times[] = $passed($line);
        }
    },
    'curl lines' => static function (int $lines) use ($ofCurl, $passed, &$times): void {
        $ofCurl('/lines/' . $lines, [CURLOPT_WRITEFUNCTION => static function ($handle, string $bytes) use ($passed, &$times): int {
            foreach (explode("\n", rtrim($bytes)) as $line) {
                $times[] = $passed($line);
            }
            return strlen($bytes);
        }]);
    },
    'secure calls' => static function (int $calls) use ($secure, $service, $checked): void {
        foreach ($secure->requestAll(array_fill(0, $calls, [$service, 'GET', '/delayed']), $calls) as $response) {
            $checked($response instanceof Throwable ? throw $response : $response->statusCode());
        }
    },
    'curl calls' => static function (int $calls) use ($handle, $checked, $multi): void {
        $handles = array_map(static fn (): CurlHandle => $handle('/delayed'), range(1, $calls));
        array_map(static fn (CurlHandle $one) => curl_multi_add_handle($multi, $one), $handles);
        do {
            curl_multi_exec($multi, $running);
            curl_multi_select($multi, 0.05);
        } while ($running > 0);
        foreach ($handles as $one) {
            $checked(curl_getinfo($one, CURLINFO_RESPONSE_CODE));
            curl_multi_remove_handle($multi, $one);
        }
    },
    'guzzle calls' => static function (int $calls) use ($guzzle, $input, $checked): void {
        $options = ['headers' => ['Authorization' => 'Bearer ' . $input['token']]];
        $promises = array_map(static fn () => $guzzle->getAsync($input['url'] . '/delayed', $options), range(1, $calls));
        foreach (Promises::unwrap($promises) as $response) {
            $checked($response->getStatusCode());
        }
    },
    'secure cancel' => static function (int $calls) use ($secure, $service, &$times): void {
        for ($call = 0; $call < $calls; ++$call) {
            // Each call at another moment between two looks at the signal.
            $moment = hrtime(true) + 20_000_000 + $call * 2_500_000;
            try {
                $secure->get($service, '/delayed', ['cancel' => static fn (): bool => hrtime(true) >= $moment]);
                throw new RuntimeException('A call was not cancelled.');
            } catch (OutboundException) {
                $times[] = (hrtime(true) - $moment) / 1000;
            }
        }
    },
    'curl cancel' => static function (int $calls) use ($handle, &$times): void {
        for ($call = 0; $call < $calls; ++$call) {
            $moment = hrtime(true) + 20_000_000 + $call * 2_500_000;
            $one = $handle('/delayed', [CURLOPT_NOPROGRESS => false, CURLOPT_XFERINFOFUNCTION => static fn (): int => hrtime(true) >= $moment ? 1 : 0]);
            curl_exec($one);
            curl_errno($one) === CURLE_ABORTED_BY_CALLBACK || throw new RuntimeException('A call was not cancelled.');
            $times[] = (hrtime(true) - $moment) / 1000;
        }
    },
    'secure read' => static function (int $size) use ($secure, $service): void {
        $body = $secure->stream($service, 'GET', '/files/' . $size)->body();
        for ($read = 0; ($bytes = $body->read(1 << 16)) !== ''; $read += strlen($bytes)) {
            continue;
        }
        $read === $size || throw new RuntimeException('A body had ' . $read . ' bytes.');
    },
    'curl read' => static function (int $size) use ($ofCurl): void {
        $read = 0;
        $ofCurl('/files/' . $size, [CURLOPT_WRITEFUNCTION => static function ($handle, string $bytes) use (&$read): int {
            $read += strlen($bytes);
            return strlen($bytes);
        }]);
        $read === $size || throw new RuntimeException('A body had ' . $read . ' bytes.');
    },
    'secure whole' => $whole = static function (int $size) use ($secure, $service): void {
        $read = strlen($secure->get($service, '/files/' . $size)->body());
        $read === $size || throw new RuntimeException('A body had ' . $read . ' bytes.');
    },
    'secure far' => $whole,
    'curl whole' => $whole = static function (int $size) use ($reused, $input): void {
        curl_setopt($reused, CURLOPT_URL, $input['url'] . '/files/' . $size);
        $read = strlen((string) curl_exec($reused));
        $read === $size || throw new RuntimeException('A body had ' . $read . ' bytes.');
    },
    'curl far' => $whole,
    'guzzle whole' => $whole = static function (int $size) use ($guzzle, $input): void {
        $options = ['headers' => ['Authorization' => 'Bearer ' . $input['token']]];
        $read = strlen((string) $guzzle->get($input['url'] . '/files/' . $size, $options)->getBody());
        $read === $size || throw new RuntimeException('A body had ' . $read . ' bytes.');
    },
    'guzzle far' => $whole,
    'secure sink' => static function (int $size) use ($secure, $service, $input, $checked): void {
        $checked($secure->get($service, '/files/' . $size, ['sink' => $input['sink']])->statusCode());
    },
    'curl sink' => static function (int $size) use ($ofCurl, $input): void {
        $ofCurl('/files/' . $size, [CURLOPT_FILE => fopen($input['sink'], 'w')]);
    },
    'secure body' => static function (int $size) use ($secure, $service, $input): void {
        $body = fopen($input['files'] . '/' . $size, 'r');
        $taken = $secure->post($service, '/upload', ['body' => $body])->body();
        $taken === (string) $size || throw new RuntimeException('The server took ' . $taken . ' bytes.');
    },
    'curl body' => static function (int $size) use ($ofCurl, $input): void {
        $body = fopen($input['files'] . '/' . $size, 'r');
        $ofCurl('/upload', [CURLOPT_PUT => true, CURLOPT_CUSTOMREQUEST => 'POST', CURLOPT_INFILE => $body, CURLOPT_INFILESIZE => $size]);
    },
];
$task = $tasks[$input['client'] . ' ' . $input['task']];
$task($input['task'] === 'calls' ? CALLS : 1);
$times = [];
[$before, $begun, $used] = [$largest(), hrtime(true), $processorTime()];
$task(['lines' => LINES, 'calls' => CALLS, 'cancel' => CANCELLED][$input['task']] ?? $size);
$taken = (hrtime(true) - $begun) / 1000;
$input['task'] !== 'lines' || count($times) === LINES || throw new RuntimeException(count($times) . ' lines have come.');
echo json_encode(['times' => $times ?: [$taken], 'used' => $processorTime() - $used, 'grown' => $largest() - $before]);
