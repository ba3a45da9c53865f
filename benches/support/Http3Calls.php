<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;

/**
 * HTTP/3 beside HTTP/2, through the library and through the sidecar, to one nginx on a network of a certain length that loses some of the
 * packets, or all of UDP's: a call on a connection that is there, and one that makes it. Needs a library and a daemon with the feature, and
 * the nginx that .ci/http3-servers fetches.
 */
final class Http3Calls
{
    private const BASE = 'HTTP/2';

    private const SERVICES = [self::BASE => 'api-2', 'HTTP/3' => 'api-3'];

    /** In milliseconds, and per cent of the packets of each direction; null where none of UDP comes through. */
    private const ROUND_TRIPS = [0, 20, 80];
    private const LOSSES = [0, 1, 3, null];

    /** In one process. */
    private const CALLS = 20;

    /** One for each call and one before, since the daemon keeps the connections to each. They are those of a network of its own. */
    private const FIRST_PORT = 8443;

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
                $far = new FarNetwork($this->api->directory, $milliseconds, $loss ?? 0, $loss !== null);
                $nginx = $this->nginx($far);
                try {
                    // Where there is no UDP a connection is one over HTTP/2 in any case.
                    foreach (['warm' => false, 'new connection' => true] as $name => $isNew) {
                        if ($loss === null && !$isNew) {
                            continue;
                        }
                        $title = "GET, $name, round trip $milliseconds ms, " . ($loss === null ? 'no UDP, at most 300 ms more' : "loss $loss %");
                        $library = new Samples('http3', $title, self::BASE);
                        $sidecar = new Samples('http3', "$title, through the sidecar", self::BASE);
                        array_push($cases, $library, $sidecar);
                        for ($turn = 0; $turn < $turns; ++$turn) {
                            $this->throughTheLibrary($library, $far, $isNew, $loss !== null);
                            $this->throughTheSidecar($sidecar, $far, $isNew, $loss !== null);
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

    private function throughTheLibrary(Samples $case, FarNetwork $far, bool $isNew, bool $hasUdp): void
    {
        foreach (array_keys(self::SERVICES) as $name) {
            $called = array_fill(0, 1 + self::CALLS, self::SERVICES[$name] . '-0');
            $this->take($case, $name, $far, $this->configuration(), $this->services(), $called, $isNew, $hasUdp);
        }
    }

    /** A daemon that starts has no connection: each of its services then needs one, or all calls are of one service. */
    private function throughTheSidecar(Samples $case, FarNetwork $far, bool $isNew, bool $hasUdp): void
    {
        $services = $this->services();
        foreach (array_keys(self::SERVICES) as $name) {
            $sidecar = new Sidecar($this->configuration(), $services, runner: $far->runner('client'));
            try {
                $sidecar->serve($services, ['api_key' => $this->api->envelope]);
                $of = array_map(static fn (): array => ['transport' => 'sidecar'], $services);
                $called = array_map(fn (int $call): string => self::SERVICES[$name] . '-' . ($isNew ? $call : 0), range(0, self::CALLS));
                $this->take($case, $name, $far, ['version' => 1] + $sidecar->config(), $of, $called, false, $hasUdp);
            } finally {
                $sidecar->stop();
            }
        }
    }

    /**
     * @return array<string, mixed>
     */
    private function configuration(): array
    {
        $configuration = ['http_versions' => ['3', '2']] + $this->api->configuration();
        array_push($configuration['internal_hosts'][0]['ports'], ...self::ports());
        $configuration['internal_hosts'][0]['networks'][] = FarNetwork::NETWORK;
        return $configuration;
    }

    /**
     * The services, for each version one at each port.
     *
     * @return array<string, array<string, mixed>>
     */
    private function services(): array
    {
        $services = [];
        foreach (['2' => ['http_versions' => ['2']], '3' => ['http3' => 'registered']] as $version => $policy) {
            foreach (self::ports() as $number => $port) {
                $services["api-$version-$number"] = [
                    'base_url' => "https://localhost:$port/v1",
                    'policy' => $policy + Api::POLICY,
                    'credentials' => [['identifier' => 'api_key', 'type' => 'bearer']],
                ];
            }
        }
        return $services;
    }

    /**
     * @return list<int>
     */
    private static function ports(): array
    {
        return range(self::FIRST_PORT, self::FIRST_PORT + self::CALLS);
    }

    /**
     * @param array<string, mixed> $configuration
     * @param array<string, array<string, mixed>> $services
     * @param list<string> $called
     */
    private function take(
        Samples $case,
        string $name,
        FarNetwork $far,
        array $configuration,
        array $services,
        array $called,
        bool $isNew,
        bool $hasUdp,
    ): void {
        $result = Process::run(
            [...$far->runner('client'), PHP_BINARY, dirname(__DIR__) . '/http3/client.php'],
            ['SECURE_OUTBOUND_LIBRARY' => Build::library()],
            (string) json_encode([
                'configuration' => $configuration,
                'services' => $services,
                'called' => $called,
                'envelope' => $this->api->envelope,
                'log' => $this->api->directory->path . '/http3.jsonl',
                'new' => $isNew,
            ]),
        );
        $measured = $result['code'] === 0 ? json_decode($result['output'], true) : null;
        is_array($measured) || throw new \RuntimeException($result['output']);
        $by3 = $measured['versions']['3'] ?? 0;
        $expected = $name !== self::BASE && $hasUdp ? self::CALLS : 0;
        if ($by3 !== $expected) {
            printf("%s: of %d calls %d went over HTTP/3\n", $case->title, self::CALLS, $by3);
        }
        foreach ($measured['times'] as $time) {
            $case->add($name, $time);
        }
    }

    private function nginx(FarNetwork $far): Process
    {
        $path = $this->api->directory->path;
        @unlink($path . '/http3.pid');
        [$address, $body] = [FarNetwork::SERVER, str_repeat('x', 200)];
        $listen = implode(' ', array_map(static fn (int $port): string => "listen $address:$port quic; listen $address:$port ssl;", self::ports()));
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
                    $listen
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
