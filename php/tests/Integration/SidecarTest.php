<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Sidecar\SidecarTransport;
use PHPUnit\Framework\TestCase;

/**
 * SidecarTransport against a daemon, whose server counts what arrives.
 */
final class SidecarTest extends TestCase
{
    private const TOKEN = 'c4n4ry-of-the-shop';

    private TempDir $directory;
    private FaultServer $server;
    private Sidecar $sidecar;

    /** @var \Closure(int): Sidecar a daemon that drains for so many milliseconds */
    private \Closure $daemon;

    protected function setUp(): void
    {
        $this->directory = new TempDir('sidecar-test');
        $tls = new Certificates($this->directory);
        $this->server = new FaultServer($this->directory);
        $port = $this->server->listen('api', ['certificate' => $tls->certificate, 'key' => $tls->key, 'alpn' => ['http/1.1']]);
        $key = random_bytes(32);
        $sealed = (new Sealer($key))->credential('bearer', ['token' => self::TOKEN], null, 'shop-token')->sealed;
        $this->daemon = static function (int $drainMs) use ($port, $tls, $key, $sealed): Sidecar {
            $sidecar = new Sidecar(
                [
                    'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]]],
                    'tls' => ['roots' => 'file', 'ca_file' => $tls->authority],
                    'master_keys' => [['provider' => 'raw', 'key_base64' => base64_encode($key)]],
                ],
                [],
                ['drain_ms' => $drainMs],
            );
            $sidecar->serve(['shop' => [
                'base_url' => 'https://localhost:' . $port . '/v1',
                'policy' => ['allowed_methods' => ['GET', 'POST'], 'request_bytes' => 16 << 20],
                'credentials' => [['identifier' => 'shop-token', 'type' => 'bearer']],
            ]], ['shop-token' => $sealed]);
            return $sidecar;
        };
        $this->sidecar = ($this->daemon)(500);
    }

    protected function tearDown(): void
    {
        $this->sidecar->stop();
        $this->server->stop();
        $this->directory->remove();
    }

    public function testItSendsWithWhatOnlyTheDaemonHas(): void
    {
        $this->server->answers('api', [FaultServer::answer(body: 'first')], [FaultServer::answer(201, body: 'second')]);
        $transport = $this->transport();
        $request = self::request('POST', ['body' => '{"a": 1}', 'headers' => [['content-type', 'application/json']]]);
        $decision = $transport->decide($request);
        self::assertSame(['POST', '/v1/**'], [$decision->method, $decision->pathTemplate ?? '/v1/**']);
        $first = $transport->send($request, $decision);
        $second = $transport->send($request);

        self::assertSame([200, 'first', 201, 'second'], [$first->status, $first->body, $second->status, $second->body]);
        self::assertSame('sidecar', $second->audit['transport']);
        $received = $this->server->requests('api')[0];
        self::assertSame('Bearer ' . self::TOKEN, $received->value('authorization'));
        self::assertSame('{"a": 1}', $received->body);
        self::assertSame(['begin', 'end', 'begin', 'end'], array_column($this->sidecar->records(), 'event'));
    }

    public function testBodiesOfManyPiecesArriveWhole(): void
    {
        $large = random_bytes((5 << 20) + 7);
        $this->server->answers('api', [FaultServer::answer(body: strrev($large))]);
        $response = $this->transport()->send(self::request('POST', ['body' => $large]));

        self::assertSame(md5(strrev($large)), md5($response->body));
        self::assertSame(md5($large), md5($this->server->requests('api')[0]->body));
    }

    public function testAnOtherCallInBetweenDoesNotMixThem(): void
    {
        $this->server->answers('api', [FaultServer::answer(body: 'b')], [FaultServer::answer(body: 'a')]);
        [$one, $other] = [$this->transport(), $this->transport()];
        $decision = $one->decide(self::request('GET'));
        self::assertSame('b', $other->send(self::request('GET'))->body);
        self::assertSame('a', $one->send(self::request('GET'), $decision)->body);
    }

    public function testARefusalIsTheDaemons(): void
    {
        foreach ([['DELETE', 'shop', 'policy.method_not_allowed'], ['GET', 'other', 'policy.service_unknown']] as [$method, $id, $code]) {
            $failure = $this->failure(fn () => $this->transport()->decide(self::request($method, ['serviceId' => $id])));
            self::assertSame([$code, 'no'], [$failure->errorCode(), $failure->sent()]);
            self::assertSame($code, $failure->auditRecord()['error_code'] ?? null);
        }
    }

    public function testACallThatWasNotTakenIsSentAgainToTheNextDaemon(): void
    {
        $this->server->answers('api', [FaultServer::answer(body: 'once')]);
        $transport = $this->transport();
        $decision = $transport->decide(self::request('POST', ['body' => 'x']));
        $this->sidecar->signal(SIGTERM);
        $this->sidecar->join();
        $this->sidecar->start();

        self::assertSame('once', $transport->send(self::request('POST', ['body' => 'x']), $decision)->body);
        self::assertCount(1, $this->server->requests('api'));
    }

    /**
     * The daemon that ends still has a response that is read in pieces, on the connection that the call was sent on.
     *
     * @testWith [true]
     *           [false]
     */
    public function testACallThatWasNotTakenDoesNotWaitForWhatAnotherOneStillHas(bool $isDecided): void
    {
        $this->sidecar->stop();
        $this->sidecar = ($this->daemon)(60_000);
        $begun = FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
        $this->server->script('api', [['read'], $begun, ['hold']], [['read'], FaultServer::answer(body: 'once')]);
        $transport = $this->transport();
        $stream = $transport->start(self::request('GET'));
        while ($stream->head() === null) {
            $transport->wait([$stream], 1000);
        }
        $request = self::request('POST', ['body' => 'x']);
        $decision = $isDecided ? $transport->decide($request) : null;
        $this->sidecar->giveWayToAnother();

        self::assertSame('once', $transport->send($request, $decision)->body);
        self::assertCount(2, $this->server->requests('api'));
        self::assertSame('cancelled.abandoned', $stream->end()['error_code'] ?? null);
    }

    /**
     * @testWith ["SIGTERM"]
     *           ["SIGKILL"]
     */
    public function testACallThatWasTakenAndNotAnsweredIsNotRepeated(string $signal): void
    {
        $this->server->script('api', [['read'], ['hold']]);
        $child = $this->later(fn () => $this->server->wait('api', 'holding'), constant($signal));
        $failure = $this->failure(fn () => $this->transport()->send(self::request('POST', ['body' => 'x'])));
        pcntl_waitpid($child, $status);

        self::assertSame(['protocol.closed_early', 'maybe', false], [
            $failure->errorCode(), $failure->sent(), $failure->isRetryable(),
        ]);
        self::assertCount(1, $this->server->requests('api'));
    }

    public function testADaemonThatStandsStillIsWaitedForNoLongerThanTheCall(): void
    {
        $this->server->script('api', [['read'], ['hold']]);
        $child = $this->later(fn () => $this->server->wait('api', 'holding'), SIGSTOP);
        $begun = hrtime(true);
        $failure = $this->failure(fn () => $this->transport()->send(self::request('POST', ['timeoutMs' => 1500])));
        $took = (hrtime(true) - $begun) / 1e9;
        pcntl_waitpid($child, $status);
        $this->sidecar->signal(SIGCONT);

        self::assertSame(['timeout.total', 'maybe'], [$failure->errorCode(), $failure->sent()]);
        self::assertGreaterThanOrEqual(1.7, $took, '250 ms are the daemon\'s');
    }

    public function testWithoutADaemonItSaysWhatIsWrong(): void
    {
        $transport = new SidecarTransport(['sidecar' => ['socket' => $this->directory->path . '/none.sock'],
            'defaults' => ['connect_timeout_ms' => 50]]);
        $failure = $this->failure(fn () => $transport->send(self::request('GET')));

        self::assertSame(['configuration.transport_unavailable', 'no'], [$failure->errorCode(), $failure->sent()]);
        self::assertStringContainsString('none.sock does not exist: start secure-outbound-sidecar', $failure->reason());
    }

    /** As at the socket of systemd, while the daemon that it starts again ends the calls that it has. */
    public function testAtASocketWhereNobodyGreetsItWaitsUntilItsLimit(): void
    {
        $socket = $this->directory->path . '/nobody.sock';
        $nobody = stream_socket_server('unix://' . $socket);
        $transport = new SidecarTransport(['sidecar' => ['socket' => $socket], 'defaults' => ['connect_timeout_ms' => 50]]);
        $failure = $this->failure(static fn () => $transport->send(self::request('GET')));

        self::assertSame(['configuration.transport_unavailable', 'no'], [$failure->errorCode(), $failure->sent()]);
        self::assertStringContainsString('has not greeted within connect_timeout_ms', $failure->getMessage());
        self::assertIsResource($nobody);
    }

    public function testItWaitsForADaemonThatStarts(): void
    {
        $this->server->answers('api', [FaultServer::answer(body: 'there')]);
        $this->sidecar->signal(SIGTERM);
        $this->sidecar->join();
        $child = self::inChild(fn (): bool => $this->transport()->send(self::request('GET'))->body === 'there');
        $this->sidecar->start();
        pcntl_waitpid($child, $status);

        self::assertSame(SIGKILL, pcntl_wtermsig($status));
    }

    public function testAForkedChildHasAConnectionOfItsOwn(): void
    {
        $echo = static fn (string $body): array => [FaultServer::answer(body: $body)];
        $this->server->answers('api', $echo('1'), $echo('2'), $echo('3'), $echo('4'));
        $transport = $this->transport();
        $decision = $transport->decide(self::request('GET'));
        $child = self::inChild(static fn (): bool => $transport->send(self::request('GET'), $decision)->body === '1'
            && $transport->send(self::request('GET'))->body === '2');
        pcntl_waitpid($child, $status);

        self::assertSame(SIGKILL, pcntl_wtermsig($status));
        self::assertSame('3', $transport->send(self::request('GET'), $decision)->body);
        self::assertSame('4', $transport->send(self::request('GET'))->body);
    }

    /**
     * Four workers call while the daemon is ended and started again, by both signals in turn. The server's count is held against
     * what each worker was told.
     */
    public function testUnderRestartsEachCallIsMadeOnceOrItsEndIsTold(): void
    {
        $answer = [FaultServer::answer(body: 'done')];
        $this->server->answers('api', ...array_fill(0, 4 * 150, $answer));
        $workers = [];
        for ($worker = 0; $worker < 4; $worker++) {
            $workers[] = self::inChild(function () use ($worker): bool {
                for ($call = 0; $call < 150; $call++) {
                    $name = "$worker-$call";
                    try {
                        $this->transport()->send(self::request('POST', ['body' => $name]));
                        $end = 'yes';
                    } catch (OutboundException $failure) {
                        $end = $failure->sent();
                    }
                    file_put_contents($this->directory->path . "/ends-$worker", "$name $end\n", FILE_APPEND);
                }
                return true;
            });
        }
        $ends = function (): array {
            $lines = array_merge(...array_map(
                fn (int $worker): array => @file($this->directory->path . "/ends-$worker", FILE_IGNORE_NEW_LINES) ?: [],
                range(0, 3),
            ));
            return array_map(static fn (string $line): array => explode(' ', $line), $lines);
        };
        foreach ([SIGTERM, SIGKILL, SIGTERM, SIGKILL, SIGTERM] as $restart => $signal) {
            Poll::until(fn (): bool => count($ends()) >= 80 * ($restart + 1), 'calls');
            $this->sidecar->signal($signal);
            $this->sidecar->join();
            $this->sidecar->start();
        }
        foreach ($workers as $worker) {
            pcntl_waitpid($worker, $status);
            self::assertSame(SIGKILL, pcntl_wtermsig($status));
        }

        $made = array_count_values(array_column($this->server->requests('api'), 'body'));
        self::assertCount(600, $ends());
        $told = ['yes' => 0, 'maybe' => 0, 'no' => 0];
        foreach ($ends() as [$name, $end]) {
            $told[$end]++;
            $times = $made[$name] ?? 0;
            self::assertTrue(['yes' => $times === 1, 'maybe' => $times <= 1, 'no' => $times === 0][$end], "$name: $end, $times");
        }
        self::assertSame(0, $told['no'], 'the next daemon takes what the last one had not');
        // A daemon that is killed has at most one call of each worker.
        self::assertLessThanOrEqual(2 * 4, $told['maybe']);
        self::assertGreaterThanOrEqual(600 - 2 * 4, $told['yes']);
    }

    public function testAutoTakesItAndNothingWeaker(): void
    {
        $factory = new TransportFactory($this->sidecar->config(), Build::library());
        self::assertInstanceOf(SidecarTransport::class, $factory->select('auto'));
        self::assertInstanceOf(SidecarTransport::class, $factory->select('sidecar'));
        $this->sidecar->signal(SIGTERM);
        $this->sidecar->join();
        $config = ['defaults' => ['connect_timeout_ms' => 1]] + $this->sidecar->config();
        $transport = (new TransportFactory($config, Build::library()))->select('auto');
        $failure = $this->failure(static fn () => $transport->send(self::request('GET')));
        self::assertSame('configuration.transport_unavailable', $failure->errorCode());
        $none = $this->failure(static fn () => (new TransportFactory([], Build::library()))->select('sidecar'));
        self::assertSame('configuration.transport_unavailable', $none->errorCode());
        foreach ([null, [], ['socket' => 'relative'], ['socket' => '/a', 'more' => 1]] as $sidecar) {
            $failure = $this->failure(static fn () => new TransportFactory(['sidecar' => $sidecar], Build::library()));
            self::assertSame('configuration.invalid', $failure->errorCode());
        }
    }

    private function transport(): SidecarTransport
    {
        return new SidecarTransport($this->sidecar->config());
    }

    /** @param array<string, mixed> $more */
    private static function request(string $method, array $more = []): RequestSpec
    {
        return new RequestSpec(...$more + [
            'serviceId' => 'shop',
            'method' => $method,
            'policy' => new Policy([]),
            'baseUrl' => '',
            'path' => '/notes',
        ]);
    }

    /** Signals the daemon from another process, as soon as $ready returns. */
    private function later(\Closure $ready, int $signal): int
    {
        return self::inChild(function () use ($ready, $signal): bool {
            $ready();
            $this->sidecar->signal($signal);
            return true;
        });
    }

    /** Works in a forked child, which is ended by SIGKILL where the work gives true, and by SIGABRT otherwise. */
    private static function inChild(\Closure $work): int
    {
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                $isGood = $work();
            } catch (\Throwable $failure) {
                fwrite(STDERR, $failure . "\n");
            } finally {
                // exit() would run the shutdown functions of the tests.
                posix_kill((int) getmypid(), ($isGood ?? false) ? SIGKILL : SIGABRT);
            }
        }
        return $child;
    }

    private function failure(\Closure $call): OutboundException
    {
        try {
            $call();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('no failure');
    }
}
