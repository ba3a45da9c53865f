<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use GuzzleHttp\Client;
use Netresearch\NrVault\Outbound\SecureOutbound;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\TransportInterface;
use Symfony\Component\HttpClient\CurlHttpClient;

/**
 * Calls in one process, on connections that are already open if the client reuses them. The other clients have the token in PHP and only
 * send; this library also opens an envelope, checks policy and address, and writes an audit record.
 */
final class WarmCalls
{
    public const BASE = 'php-curl, handle reused';

    private const BODY = ['amount' => 100, 'currency' => 'eur'];

    private readonly SecureHttpClient $client;

    public function __construct(private readonly Api $api)
    {
        putenv('SECURE_OUTBOUND_LIBRARY=' . Build::library());
        $log = $api->directory->path . '/log';
        is_dir($log) || mkdir($log);
        $this->client = SecureOutbound::fromDirectory($api->host(), $log . '/audit.jsonl', registryCache: null);
    }

    /**
     * @return list<Samples>
     */
    public function measure(int $turns): array
    {
        $cases = [];
        foreach (['2', '1.1'] as $http) {
            foreach (['GET', 'POST'] as $method) {
                $samples = new Samples('warm', "warm $method, HTTP/$http", self::BASE);
                $cases[] = $samples->take($this->clients($http, $method), $turns, 20);
            }
        }
        return $cases;
    }

    /**
     * @return array<string, \Closure(): void>
     */
    private function clients(string $http, string $method): array
    {
        $transport = new RustFfiTransport($this->api->configuration());
        $service = Api::SERVICES[$http];
        $options = $method === 'POST' ? ['json' => self::BODY] : [];
        $clients = [
            'SecureHttpClient' => fn () => self::check($this->client->request($service, $method, '/charges/1', $options)->statusCode()),
            'RustFfiTransport' => $this->transport($transport, $http, $method),
        ] + $this->peers($http, $method);
        if ($http === '1.1') {
            // PhpTransport uses HTTP/2 only with a newer libcurl, and opens a new connection for each call.
            $clients['PhpTransport'] = $this->transport(new PhpTransport($this->api->configuration()), $http, $method);
        }
        return $clients;
    }

    /**
     * @return \Closure(): void
     */
    private function transport(TransportInterface $transport, string $http, string $method): \Closure
    {
        $request = new RequestSpec(
            serviceId: 'bench',
            method: $method,
            policy: new Policy(allowedMethods: [$method], allowedPaths: ['/v1/charges/**']),
            baseUrl: $this->api->url($http),
            path: '/charges/1',
            headers: [['content-type', 'application/json']],
            body: $method === 'POST' ? (string) json_encode(self::BODY) : '',
            credentials: [(new CredentialReference('api_key', 'bearer'))->seal($this->api->envelope)],
        );
        return static fn () => self::check($transport->send($request)->status);
    }

    /**
     * @return array<string, \Closure(): void>
     */
    private function peers(string $http, string $method): array
    {
        $url = $this->api->url($http) . '/charges/1';
        $headers = ['Content-Type' => 'application/json', 'Authorization' => 'Bearer ' . $this->api->token];
        $body = $method === 'POST' ? (string) json_encode(self::BODY) : null;
        $version = $http === '2' ? '2.0' : '1.1';
        $handle = $this->handle($url, $http, $body, $headers);
        $guzzle = new Client(['verify' => $this->api->tls->authority, 'version' => (float) $version, 'timeout' => 30]);
        $symfony = new CurlHttpClient(['cafile' => $this->api->tls->authority, 'http_version' => $version, 'timeout' => 30]);
        return [
            self::BASE => static fn () => self::exec($handle),
            'php-curl, new handle' => fn () => self::exec($this->handle($url, $http, $body, $headers)),
            'Guzzle 7' => static fn () => self::check(
                $guzzle->request($method, $url, ['headers' => $headers] + ($body === null ? [] : ['body' => $body]))->getStatusCode(),
            ),
            'Symfony HttpClient' => static function () use ($symfony, $method, $url, $headers, $body): void {
                $response = $symfony->request($method, $url, ['headers' => $headers] + ($body === null ? [] : ['body' => $body]));
                $response->getContent();
                self::check($response->getStatusCode());
            },
        ];
    }

    /**
     * @param array<string, string> $headers
     */
    private function handle(string $url, string $http, ?string $body, array $headers): \CurlHandle
    {
        $handle = curl_init($url);
        curl_setopt_array($handle, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CAINFO => $this->api->tls->authority,
            CURLOPT_HTTPHEADER => array_map(static fn (string $name): string => $name . ': ' . $headers[$name], array_keys($headers)),
            CURLOPT_HTTP_VERSION => $http === '2' ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1,
            CURLOPT_TIMEOUT_MS => 30000,
        ] + ($body === null ? [] : [CURLOPT_POSTFIELDS => $body]));
        return $handle;
    }

    private static function exec(\CurlHandle $handle): void
    {
        curl_exec($handle);
        self::check(curl_getinfo($handle, CURLINFO_RESPONSE_CODE));
    }

    private static function check(int $status): void
    {
        $status === 200 || throw new \RuntimeException('A call came to ' . $status . '.');
    }
}
