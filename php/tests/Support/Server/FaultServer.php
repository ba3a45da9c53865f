<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * The program in faultserver/: listeners on loopback that follow a script and report what they received.
 *
 * A script is a list of steps for each connection; a step is a name and its arguments, as faultserver/connection.py and
 * faultserver/http2.py list them. The static methods make steps with long arguments.
 */
final class FaultServer
{
    private readonly Process $process;

    /** @var resource */
    private $control;

    /** @var array<string, int> */
    private array $ports = [];

    public function __construct(TempDir $directory)
    {
        $socket = $directory->path . '/faultserver.sock';
        $this->process = new Process(
            ['/usr/bin/python3', '-B', __DIR__ . '/faultserver', $socket],
            $directory->path . '/faultserver.log',
        );
        $this->process->waitUntil(static fn (): bool => file_exists($socket), 'the fault server');
        $this->control = stream_socket_client('unix://' . $socket) ?: throw new \RuntimeException('No fault server.');
        stream_set_timeout($this->control, 60);
    }

    /**
     * Listens at a port of the address, by default a free one, and returns the port.
     *
     * @param array<string, mixed>|null $tls certificate, key, alpn, minimum, maximum, client_ca, ciphers, group; null for
     *        plain TCP
     */
    public function listen(string $name, ?array $tls = null, string $address = '127.0.0.1', int $port = 0): int
    {
        $order = ['do' => 'listen', 'name' => $name, 'address' => $address, 'port' => $port];
        return $this->ports[$name] = $this->order($order + ['tls' => $tls])['port'];
    }

    /** Lets a listener be asked by what is in front of it. */
    public function isBehind(string $name, int $port): void
    {
        $this->ports[$name] = $port;
    }

    public function port(string $name): int
    {
        return $this->ports[$name];
    }

    /**
     * @return list<int>
     */
    public function ports(): array
    {
        return array_values($this->ports);
    }

    /**
     * Ends the connections of a listener, forgets what they received, and gives one script to each of the next connections. All later
     * connections get the last script.
     *
     * @param list<array<mixed>> ...$connections steps of each connection
     */
    public function script(string $name, array ...$connections): void
    {
        $this->order(['do' => 'script', 'name' => $name, 'connections' => array_values($connections)]);
    }

    /**
     * The same for a server with persistent connections: the nth list of steps responds to the nth request, on any connection.
     *
     * @param list<array<mixed>> ...$answers
     */
    public function answers(string $name, array ...$answers): void
    {
        $order = ['do' => 'script', 'name' => $name, 'connections' => [[['serve']]]];
        $this->order($order + ['answers' => array_values($answers)]);
    }

    /** Continues the connections that wait in the step "hold". */
    public function release(string $name): void
    {
        $this->order(['do' => 'release', 'name' => $name]);
    }

    /** Waits until $count connections have had the event since the script began; "closed" means that the client has closed. */
    public function wait(string $name, string $event, int $count = 1): void
    {
        $this->order(['do' => 'wait', 'name' => $name, 'event' => $event, 'count' => $count]);
    }

    /**
     * The connections since the script began.
     *
     * @return list<array{received: string, requests: list<array<string, mixed>>, events: list<string>,
     *         alpn: string|null, server_name: string|null}>
     */
    public function seen(string $name): array
    {
        $connections = $this->order(['do' => 'seen', 'name' => $name])['connections'];
        foreach ($connections as &$connection) {
            $connection['received'] = (string) base64_decode($connection['received'], true);
            foreach ($connection['requests'] as &$request) {
                $request['body'] = (string) base64_decode($request['body'], true);
                if (isset($request['head'])) {
                    $request['head'] = (string) base64_decode($request['head'], true);
                }
            }
            unset($request);
        }
        return $connections;
    }

    /**
     * The requests of all connections, in the order of the connections.
     *
     * @return list<ReceivedRequest>
     */
    public function requests(string $name): array
    {
        $requests = array_merge(...array_column($this->seen($name), 'requests'));
        return array_map(ReceivedRequest::fromSeen(...), $requests);
    }

    /**
     * Starts a name server at 127.0.0.1:53, a port that is free only in a network namespace of its own.
     *
     * @param array<string, list<list<string>>> $names by name, the addresses for each question in turn
     */
    public function resolve(array $names): void
    {
        $this->order(['do' => 'dns', 'names' => $names]);
    }

    /**
     * The number of questions by "name type", where type 1 is A and type 28 is AAAA.
     *
     * @return array<string, int>
     */
    public function questions(): array
    {
        return $this->order(['do' => 'questions'])['questions'];
    }

    public function stop(): void
    {
        fclose($this->control);
        $this->process->stop();
    }

    /**
     * A whole response in the connection's HTTP version; content-length is added unless $fields define the framing.
     *
     * @param list<array{string, string}> $fields
     * @return array<mixed>
     */
    public static function answer(int $status = 200, array $fields = [], string $body = ''): array
    {
        // Field values are bytes, which JSON carries as the code points with the same numbers.
        $text = static fn (array $field): array => [$field[0], mb_convert_encoding($field[1], 'UTF-8', 'ISO-8859-1')];
        return ['answer', $status, array_map($text, $fields), base64_encode($body)];
    }

    /**
     * @return array<mixed>
     */
    public static function write(string $bytes): array
    {
        return ['write', base64_encode($bytes)];
    }

    /**
     * @param array<string, mixed> $order
     * @return array<string, mixed>
     */
    private function order(array $order): array
    {
        fwrite($this->control, json_encode($order, JSON_THROW_ON_ERROR) . "\n");
        $reply = json_decode((string) fgets($this->control), true);
        if (!is_array($reply) || isset($reply['error'])) {
            throw new \RuntimeException('Fault server: ' . ($reply['error'] ?? 'gone: ' . $this->process->log()));
        }
        return $reply;
    }
}
