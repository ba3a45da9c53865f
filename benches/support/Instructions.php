<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * Counts instructions by callgrind.
 */
final class Instructions
{
    /** The numbers of calls in the two runs. Even the shorter run fills caches, and grows tables, which double in size. */
    private const FEW = 20;
    private const MANY = 220;

    private readonly Api $api;

    private ?NativeHost $host = null;

    /** @var list<string> */
    private readonly array $pinned;

    public function __construct()
    {
        // On one processor, client and server never run at the same time, so the whole response is there when the client reads it.
        $this->pinned = ['taskset', '-c', self::processor()];
        $this->api = new Api($this->pinned);
    }

    public function stop(): void
    {
        $this->api->stop();
    }

    /**
     * @return array{of: array<string, string>, instructions: array<string, int>}
     */
    public function measure(): array
    {
        return [
            'of' => self::versions(),
            'instructions' => [
                'C interface' => $this->ofOneCall(fn (int $calls): int => $this->host($calls, false)),
                'C interface, decided first' => $this->ofOneCall(fn (int $calls): int => $this->host($calls, true)),
                'SecureHttpClient' => $this->ofOneCall(fn (int $calls): int => $this->php('host', $calls)),
                'SecureHttpClient, no files' => $this->ofOneCall(fn (int $calls): int => $this->php('memory', $calls)),
                'php-curl, handle reused' => $this->ofOneCall(fn (int $calls): int => $this->php('curl', $calls)),
            ],
        ];
    }

    /**
     * The versions of the programs on which the counts depend.
     *
     * @return array<string, string>
     */
    private static function versions(): array
    {
        $first = static fn (string $output): string => (string) strtok($output, "\n");
        return [
            'compiler' => $first(Process::run(['rustc', '--version'])['output']),
            'php' => 'PHP ' . PHP_VERSION,
            'machine' => php_uname('m'),
        ];
    }

    /** The number of the first processor on which this process may run. */
    private static function processor(): string
    {
        $status = (string) file_get_contents('/proc/self/status');
        return preg_match('/^Cpus_allowed_list:\s*(\d+)/m', $status, $match) === 1 ? $match[1] : '0';
    }

    /**
     * @param \Closure(int): int $count the instructions of a run with this number of calls
     */
    private function ofOneCall(\Closure $count): int
    {
        return intdiv($count(self::MANY) - $count(self::FEW), self::MANY - self::FEW);
    }

    /**
     * @param bool $isDecided whether secure_outbound_decide is called first, with the document of the service
     */
    private function host(int $calls, bool $isDecided): int
    {
        return $this->callgrind(($this->host ??= new NativeHost($this->api))->command($calls, $isDecided));
    }

    private function php(string $client, int $calls): int
    {
        $settings = ['opcache.enable_cli' => '1', 'opcache.jit' => 'off', 'ffi.enable' => '1'];
        $ini = Host::iniFile($this->api->directory, $settings, ['curl']);
        $input = [
            'client' => $client,
            'calls' => $calls,
            'host' => $this->api->host(),
            'service' => Api::SERVICES[NativeHost::HTTP],
            'url' => $this->api->url(NativeHost::HTTP) . '/charges/1',
            'authority' => $this->api->tls->authority,
            'token' => $this->api->token,
            'envelope' => $this->api->envelope,
            'body' => NativeHost::BODY,
        ];
        return $this->callgrind(
            [PHP_BINARY, '-c', $ini, dirname(__DIR__) . '/instructions/calls.php'],
            Host::ONLY_THIS_INI + ['SECURE_OUTBOUND_LIBRARY' => Build::library()],
            (string) json_encode($input),
        );
    }

    /**
     * @param non-empty-list<string> $command
     * @param array<string, string> $environment
     */
    private function callgrind(array $command, array $environment = [], #[\SensitiveParameter] string $input = ''): int
    {
        $file = $this->api->directory->path . '/callgrind.out';
        $tool = [...$this->pinned, 'valgrind', '--quiet', '--tool=callgrind', '--callgrind-out-file=' . $file];
        NativeHost::output([...$tool, ...$command], $environment, $input);
        if (preg_match('/^totals: (\d+)/m', (string) file_get_contents($file), $match) !== 1) {
            throw new \RuntimeException('callgrind counted nothing.');
        }
        return (int) $match[1];
    }
}
