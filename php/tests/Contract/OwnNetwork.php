<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;

/**
 * Calls in a network namespace that has only loopback, with its own hosts file and resolver. A test can connect to public addresses and
 * even listen at them, and no packet leaves the machine. It needs root: tests that use it are in the group own-network, which
 * .ci/phpunit leaves out where no namespace can be made.
 */
final class OwnNetwork
{
    /**
     * Runs own-network.php in the namespace.
     *
     * @param array<string, mixed> $task addresses: further addresses of loopback; hosts: lines of /etc/hosts; resolver: lines of
     *        resolv.conf after the name server 127.0.0.1; listen: listeners by name, with arguments of FaultServer::listen() and the
     *        steps of every response; dns: names for FaultServer::resolve(); silent: addresses where port 443 answers no SYN;
     *        silent_dns: whether a name server receives questions and never answers; locale: for all categories; files: contents of
     *        further files by path, which hide the system's own; open_basedir: directories, set once the servers run; transport; config
     * @param list<RequestSpec> $requests
     * @param array<string, string> $environment
     * @return array{outcomes: list<array<string, mixed>>, targets: array<string, list<string>>,
     *         questions: array<string, int>}
     */
    public static function run(TempDir $directory, array $task, array $requests, array $environment = []): array
    {
        self::checkGroup();
        $base = $directory->path . '/network-' . bin2hex(random_bytes(4));
        $lines = ['set -e', 'ip link set lo up'];
        foreach ($task['addresses'] ?? [] as $address) {
            $lines[] = str_contains($address, ':')
                ? 'ip -6 addr add ' . $address . '/128 dev lo nodad'
                : 'ip addr add ' . $address . '/32 dev lo';
        }
        $files = [
            '/etc/hosts' => $task['hosts'] ?? '',
            '/etc/nsswitch.conf' => "hosts: files dns\n",
            '/etc/resolv.conf' => "nameserver 127.0.0.1\n" . ($task['resolver'] ?? 'options timeout:1 attempts:1') . "\n",
        ] + ($task['files'] ?? []);
        foreach ($files as $target => $text) {
            file_put_contents($base . basename($target), $text);
            $lines[] = 'mount --bind ' . $base . basename($target) . ' ' . $target;
        }
        $lines[] = 'exec ' . PHP_BINARY . ' -d zend.exception_ignore_args=0 ' . __DIR__ . '/own-network.php';
        $task['requests'] = array_map(static fn (RequestSpec $request): array => array_map(
            base64_encode(...),
            $request->toWire(),
        ), $requests);
        $result = Process::run(
            ['unshare', '--net', '--mount', '--', '/bin/sh', '-c', implode("\n", $lines)],
            $environment + [LibraryLocator::ENVIRONMENT => Build::library()],
            json_encode($task, JSON_THROW_ON_ERROR),
        );
        $answer = json_decode($result['output'], true);
        if ($result['code'] !== 0 || !is_array($answer)) {
            throw new \RuntimeException('In a network of its own: ' . $result['output']);
        }
        return $answer;
    }

    /** A test outside the group would fail on machines where the group is left out. */
    private static function checkGroup(): void
    {
        foreach (debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS) as $frame) {
            if (isset($frame['class']) && str_starts_with($frame['function'], 'test')) {
                $comment = (string) (new \ReflectionMethod($frame['class'], $frame['function']))->getDocComment();
                if (!str_contains($comment, '@group own-network')) {
                    throw new \LogicException($frame['function'] . ' is not of the group own-network.');
                }
            }
        }
    }
}
