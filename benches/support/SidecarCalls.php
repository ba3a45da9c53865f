<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\SecureOutbound;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;
use Netresearch\NrVault\Service\SecureHttpClient;

/**
 * SecureHttpClient over the sidecar, beside the same client with the library in its own process: one worker after its first call, many
 * workers at once, and the first answer of a daemon that starts.
 */
final class SidecarCalls
{
    public const BASE = 'SecureHttpClient, library';

    private const OVER = 'SecureHttpClient, sidecar';

    private const WORKERS = 64;

    private const PATH = '/charges/1';

    private readonly Sidecar $sidecar;

    private readonly string $host;

    public function __construct(private readonly Api $api)
    {
        putenv('SECURE_OUTBOUND_LIBRARY=' . Build::library());
        $services = json_decode((string) file_get_contents($api->host() . '/services.json'), true, 512, JSON_THROW_ON_ERROR)['services'];
        $this->sidecar = new Sidecar($api->configuration(), [], ['callers' => [[
            'user' => posix_geteuid(),
            'services' => array_keys($services),
            'limits' => ['connections' => 2 * self::WORKERS, 'calls' => 2 * self::WORKERS, 'bytes' => 1 << 40],
        ]], 'limits' => ['bytes' => 1 << 40], 'services' => $services]);
        $this->sidecar->serve([], ['api_key' => $api->envelope]);
        $this->host = $api->directory->path . '/sidecar-host';
        mkdir($this->host . '/vault', recursive: true);
        $api->directory->write('sidecar-host/transport.json', (string) json_encode(['version' => 1] + $this->sidecar->config()));
        $api->directory->write('sidecar-host/services.json', (string) json_encode([
            'version' => 1,
            'services' => array_map(static fn (): array => ['transport' => 'sidecar'], $services),
        ]));
    }

    /**
     * @param int $turns of warm calls, and of workers that call seldom; of many workers each makes half as many, and a fifth as many
     *        daemons are started
     * @return list<Samples>
     */
    public function measure(int $turns): array
    {
        try {
            $cases = [];
            foreach (['GET' => [], 'POST' => ['json' => ['amount' => 100]]] as $method => $options) {
                $samples = new Samples('sidecar', "sidecar, warm $method, HTTP/2", self::BASE);
                $clients = [];
                foreach ($this->hosts() as $name => $host) {
                    $client = $this->client($host);
                    $clients[$name] = static fn () => self::call($client, $method, $options);
                }
                $cases[] = $samples->take($clients, $turns, 20);
            }
            return [
                ...$cases,
                $this->seldom($turns),
                $this->together(max(10, intdiv($turns, 2))),
                $this->first(max(3, intdiv($turns, 5))),
            ];
        } finally {
            $this->sidecar->stop();
        }
    }

    /**
     * A call of a worker that has no connection to the server any more, as one that calls once a minute: with the library it makes one,
     * and the daemon's is that of all workers.
     */
    private function seldom(int $workers): Samples
    {
        $samples = new Samples('sidecar', 'sidecar, a worker without a connection to the server', self::BASE);
        for ($worker = 0; $worker < $workers; ++$worker) {
            foreach ($this->hosts() as $name => $host) {
                $samples->times[$name][] = $this->withoutConnection($host);
            }
        }
        return $samples;
    }

    private function withoutConnection(string $host): float
    {
        $told = $this->pipe();
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                $client = $this->client($host);
                // All is open then but the way to the server of the next call.
                self::call($client, 'GET', [], '1.1');
                $begun = hrtime(true);
                self::call($client, 'GET', []);
                fwrite($told[1], pack('E', (hrtime(true) - $begun) / 1000));
            } finally {
                // exit() would stop what this process has started.
                posix_kill((int) getmypid(), SIGKILL);
            }
        }
        fclose($told[1]);
        $time = unpack('E', (string) stream_get_contents($told[0])) ?: throw new \RuntimeException('A worker has failed.');
        pcntl_waitpid($child, $status);
        return $time[1];
    }

    /** Time for each call where many workers call at once: that of the whole, divided by the calls. */
    private function together(int $calls): Samples
    {
        $samples = new Samples('sidecar', 'sidecar, ' . self::WORKERS . ' workers at once, each call', self::BASE);
        for ($round = 0; $round < 5; ++$round) {
            foreach ($this->hosts() as $name => $host) {
                $samples->times[$name][] = $this->round($host, $calls);
            }
        }
        return $samples;
    }

    private function round(string $host, int $calls): float
    {
        [$children, $ready, $go] = [[], $this->pipe(), $this->pipe()];
        for ($worker = 0; $worker < self::WORKERS; ++$worker) {
            $child = pcntl_fork();
            if ($child === 0) {
                try {
                    $client = $this->client($host);
                    self::call($client, 'GET', []);
                    // All go when the last end of this pair is closed.
                    fclose($go[1]);
                    fwrite($ready[1], '.');
                    fread($go[0], 1);
                    for ($call = 0; $call < $calls; ++$call) {
                        self::call($client, 'GET', []);
                    }
                    $isGood = true;
                } finally {
                    // exit() would stop what this process has started.
                    posix_kill((int) getmypid(), ($isGood ?? false) ? SIGKILL : SIGABRT);
                }
            }
            $children[] = $child;
        }
        for ($waiting = self::WORKERS; $waiting > 0;) {
            $waiting -= strlen((string) fread($ready[0], $waiting));
        }
        $begun = hrtime(true);
        fclose($go[1]);
        foreach ($children as $child) {
            pcntl_waitpid($child, $status);
            pcntl_wtermsig($status) === SIGKILL || throw new \RuntimeException('A worker has failed.');
        }
        return (hrtime(true) - $begun) / 1000 / (self::WORKERS * $calls);
    }

    /** From the start of a daemon to the first answer that comes through it. */
    private function first(int $times): Samples
    {
        $name = 'a daemon that starts';
        $samples = new Samples('sidecar', 'sidecar, from its start to the first answer', $name);
        $client = $this->client($this->host);
        for ($time = 0; $time < $times; ++$time) {
            $this->sidecar->signal(SIGTERM);
            $this->sidecar->join();
            $begun = hrtime(true);
            $this->sidecar->launch();
            self::call($client, 'GET', []);
            $samples->times[$name][] = (hrtime(true) - $begun) / 1000;
        }
        return $samples;
    }

    /**
     * @return array<string, string>
     */
    private function hosts(): array
    {
        return [self::BASE => $this->api->host(), self::OVER => $this->host];
    }

    private function client(string $host): SecureHttpClient
    {
        return SecureOutbound::fromDirectory($host, $this->api->directory->path . '/sidecar-audit.jsonl', registryCache: null);
    }

    /**
     * @param array<string, mixed> $options
     */
    private static function call(SecureHttpClient $client, string $method, array $options, string $version = '2'): void
    {
        $status = $client->request(Api::SERVICES[$version], $method, self::PATH, $options)->statusCode();
        $status === 200 || throw new \RuntimeException('A call came to ' . $status . '.');
    }

    /**
     * @return array{resource, resource}
     */
    private function pipe(): array
    {
        return stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0) ?: throw new \RuntimeException('No pair of sockets.');
    }
}
