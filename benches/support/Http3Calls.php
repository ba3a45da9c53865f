<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;

/**
 * HTTP/3 beside HTTP/2, to one nginx on a network of a certain length that loses some of the packets: a call on a connection that is there, and
 * one that makes it. Needs a library with the feature, and the nginx that .ci/http3-servers fetches.
 */
final class Http3Calls
{
    private const BASE = 'HTTP/2';

    private const SERVICES = [self::BASE => 'api-2', 'HTTP/3' => 'api-3'];

    /** In milliseconds, and per cent of the packets of each direction. */
    private const ROUND_TRIPS = [0, 20, 80];
    private const LOSSES = [0, 1, 3];

    /** In one process. */
    private const CALLS = 20;

    private readonly string $program;

    public function __construct(private readonly Api $api)
    {
        $this->program = dirname(__DIR__, 2) . '/target/http3-servers/nginx/usr/sbin/nginx';
    }

    /**
     * @param int $turns each of which has 20 calls of each kind
     * @return list<Samples>
     */
    public function measure(int $turns): array
    {
        if (!is_file($this->program)) {
            echo "left out: http3, whose nginx .ci/http3-servers fetches\n";
            return [];
        }
        $cases = [];
        foreach (self::ROUND_TRIPS as $milliseconds) {
            foreach (self::LOSSES as $loss) {
                $far = new FarNetwork($this->api->directory, $milliseconds, $loss);
                $port = Port::free();
                $nginx = $this->nginx($far, $port);
                try {
                    foreach (['warm' => false, 'new connection' => true] as $name => $isNew) {
                        $title = "GET, $name, round trip $milliseconds ms, loss $loss %";
                        $cases[] = $case = new Samples('http3', $title, self::BASE);
                        for ($turn = 0; $turn < $turns; ++$turn) {
                            $this->turn($case, $far, $port, $isNew);
                        }
                    }
                } finally {
                    $nginx->stop();
                    $far->stop();
                }
            }
        }
        return $cases;
    }

    private function turn(Samples $case, FarNetwork $far, int $port, bool $isNew): void
    {
        $base = "https://localhost:$port/v1";
        $entry = ['base_url' => $base, 'policy' => Api::POLICY, 'credentials' => [['identifier' => 'api_key', 'type' => 'bearer']]];
        $services = [];
        foreach (['2' => ['http_versions' => ['2']], '3' => ['http3' => 'registered']] as $version => $policy) {
            $services['api-' . $version] = ['policy' => $policy + Api::POLICY] + $entry;
        }
        $configuration = ['http_versions' => ['3', '2']] + $this->api->configuration();
        $configuration['internal_hosts'][0]['ports'][] = $port;
        $configuration['internal_hosts'][0]['networks'][] = FarNetwork::NETWORK;
        foreach (self::SERVICES as $name => $service) {
            $result = Process::run(
                [...$far->runner('client'), PHP_BINARY, dirname(__DIR__) . '/http3/client.php'],
                ['SECURE_OUTBOUND_LIBRARY' => Build::library()],
                (string) json_encode([
                    'configuration' => $configuration,
                    'services' => $services,
                    'service' => $service,
                    'envelope' => $this->api->envelope,
                    'log' => $this->api->directory->path . '/http3.jsonl',
                    'calls' => self::CALLS,
                    'new' => $isNew,
                ]),
            );
            $measured = $result['code'] === 0 ? json_decode($result['output'], true) : null;
            is_array($measured) || throw new \RuntimeException($result['output']);
            if ($service === 'api-3' && ($measured['versions']['3'] ?? 0) < self::CALLS) {
                printf("%s: of %d calls %d went over HTTP/3\n", $case->title, self::CALLS, $measured['versions']['3'] ?? 0);
            }
            foreach ($measured['times'] as $time) {
                $case->add($name, $time);
            }
        }
    }

    private function nginx(FarNetwork $far, int $port): Process
    {
        $path = $this->api->directory->path;
        @unlink($path . '/http3.pid');
        [$address, $body] = [FarNetwork::SERVER, str_repeat('x', 200)];
        $configuration = $this->api->directory->write('http3.conf', <<<CONF
            daemon off;
            master_process off;
            user root;
            pid $path/http3.pid;
            error_log $path/http3.log warn;
            events { }
            http {
                access_log off;
                keepalive_requests 1000000;
                client_body_temp_path $path/http3-body;
                proxy_temp_path $path/http3-proxy;
                fastcgi_temp_path $path/http3-fastcgi;
                uwsgi_temp_path $path/http3-uwsgi;
                scgi_temp_path $path/http3-scgi;
                ssl_certificate {$this->api->tls->certificate};
                ssl_certificate_key {$this->api->tls->key};
                ssl_protocols TLSv1.3;
                server {
                    listen $address:$port quic;
                    listen $address:$port ssl;
                    http2 on;
                    location / { return 200 "$body"; }
                }
            }
            CONF);
        $command = [...$far->runner('server'), $this->program, '-c', $configuration, '-p', $path, '-e', "$path/http3.log"];
        $nginx = new Process($command, "$path/http3.out");
        $nginx->waitUntil(static fn (): bool => is_file($path . '/http3.pid'), 'nginx with HTTP/3');
        return $nginx;
    }
}
