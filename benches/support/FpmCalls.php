<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;

/**
 * One call in each php-fpm request, measured from the script's first line. That includes loading classes from opcache and reading the
 * registry. PHP's own clients also open a new connection and read the certificates, while SecureHttpClient reuses its connection.
 */
final class FpmCalls
{
    public const BASE = 'php-curl';

    /** Title => the client of fpm/call.php, and the script that is preloaded. */
    private const CLIENTS = [
        'SecureHttpClient' => ['secure', 'preload.php'],
        'SecureHttpClient, preload-all.php' => ['secure', 'preload-all.php'],
        self::BASE => ['curl', 'preload.php'],
        'Guzzle 7' => ['guzzle', 'preload.php'],
        'Symfony HttpClient' => ['symfony', 'preload.php'],
    ];

    private const SYSTEM = '/etc/ssl/certs/ca-certificates.crt';

    public function __construct(private readonly Api $api)
    {
    }

    /**
     * @return list<Samples>
     */
    public function measure(int $requests): array
    {
        $host = new Host();
        $fpms = [];
        try {
            foreach (['preload.php', 'preload-all.php'] as $script) {
                $fpms[$script] = new Fpm($host->ini(script: $script), extensions: ['curl', 'posix']);
            }
            $inputs = [$this->input($host, false), $this->input($host, true)];
            // opcache keeps no file, and no registry is compiled, that was written less than two seconds ago.
            sleep(3);
            return [
                $this->case('php-fpm, one test certificate', $inputs[0], $fpms, $requests),
                $this->case("php-fpm, the system's roots", $inputs[1], $fpms, $requests),
            ];
        } finally {
            array_map(static fn (Fpm $fpm) => $fpm->stop(), $fpms);
            $host->remove();
        }
    }

    /**
     * @param array<string, mixed> $input
     * @param array<string, Fpm> $fpms by the script that each preloads
     */
    private function case(string $title, array $input, array $fpms, int $requests): Samples
    {
        $samples = new Samples('fpm', $title, self::BASE);
        for ($request = -2; $request < $requests; ++$request) {
            foreach (self::CLIENTS as $name => [$client, $script]) {
                $answer = $fpms[$script]->request(dirname(__DIR__) . '/fpm/call.php', (string) json_encode(['client' => $client] + $input))->json();
                $answer['status'] === 200 || throw new \RuntimeException("A call of $name came to " . $answer['status'] . '.');
                if ($request >= 0) {
                    $samples->add($name, $answer['taken'], $answer['used']);
                }
            }
        }
        return $samples;
    }

    /**
     * @return array<string, mixed> the input of fpm/call.php without "client"
     */
    private function input(Host $host, bool $isSystem): array
    {
        $directory = $host->directory;
        $name = $isSystem ? 'system' : 'one';
        $authority = (string) file_get_contents($this->api->tls->authority);
        $bundle = $directory->write($name . '.pem', ($isSystem ? file_get_contents(self::SYSTEM) : '') . $authority);
        $config = $this->api->configuration();
        $config['tls']['roots'] = $isSystem ? 'system+file' : 'file';
        $config['master_keys'] = [['provider' => 'file', 'path' => $host->keyFile]];
        $directory->write($name . '/transport.json', (string) json_encode($config));
        $directory->write($name . '/services.json', (string) file_get_contents($this->api->host() . '/services.json'));
        $payload = ['type' => 'api_key', 'token' => $this->api->token];
        $directory->write($name . '/vault/api_key', $host->sealed('api_key', ['type' => 'bearer'] + $payload)->sealed);
        foreach (['log', 'cache'] as $own) {
            $path = $directory->path . '/' . $name . '-' . $own;
            mkdir($path, 0700) && chown($path, Fpm::USER);
        }
        return [
            'autoload' => $host->installation->php . '/autoload.php',
            'directory' => $directory->path . '/' . $name,
            'log' => $directory->path . '/' . $name . '-log/audit.jsonl',
            'cache' => $directory->path . '/' . $name . '-cache',
            'service' => Api::SERVICES['2'],
            'url' => $this->api->url('2') . '/charges/1',
            'authority' => $bundle,
            'token' => $this->api->token,
        ];
    }
}
