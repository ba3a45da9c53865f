<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Outbound\Tests\Support\Process\FastCgiRequest;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\HoldingServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\NginxInFront;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;
use PHPUnit\Framework\TestCase;

/**
 * Streams through a real php-fpm: the server writes a line only when the client of php-fpm has the one before.
 *
 * SECURE_OUTBOUND_PAUSE is the number of seconds for which a caller pauses, for more than "make test" lets it. With 61 and more, the time
 * for which nothing may come is the one that a stream has by itself.
 *
 * @group root
 */
final class StreamTest extends TestCase
{
    private const IDLE = 1.0;
    private const PAUSE = 1.2;

    /** How long the stream's own idle limit is. */
    private const OWN_IDLE = 60;

    /** @var array<string, HoldingServer> by transport and HTTP version */
    private static array $servers = [];

    /** @var array<string, Sidecar> by HTTP version */
    private static array $sidecars = [];

    /** @var list<Worker> */
    private array $workers = [];

    public static function setUpBeforeClass(): void
    {
        foreach (self::ways() as [$transport, $http]) {
            $server = self::$servers["$transport $http"] = new HoldingServer($http);
            if ($transport === 'sidecar') {
                $service = ['base_url' => $server->url(), 'policy' => ['allowed_methods' => ['GET']]];
                $caller = ['user' => posix_getpwnam(Fpm::USER)['uid'] ?? null, 'services' => ['lines']];
                self::$sidecars[$http] = new Sidecar($server->config(), ['lines' => $service], ['callers' => [$caller]]);
            }
        }
    }

    public static function tearDownAfterClass(): void
    {
        array_map(static fn (Sidecar $sidecar) => $sidecar->stop(), self::$sidecars);
        array_map(static fn (HoldingServer $server) => $server->stop(), self::$servers);
    }

    protected function tearDown(): void
    {
        array_map(static fn (Worker $worker) => $worker->stop(), $this->workers);
    }

    /**
     * @return array<string, array{string, string}> transport and HTTP version
     */
    public static function ways(): array
    {
        return [
            'the library, HTTP/1.1' => ['rust', '1.1'],
            'the library, HTTP/2' => ['rust', '2'],
            'PHP' => ['php', '1.1'],
            'the sidecar, HTTP/1.1' => ['sidecar', '1.1'],
            'the sidecar, HTTP/2' => ['sidecar', '2'],
        ];
    }

    /**
     * @dataProvider ways
     */
    public function testEachLineCanBeReadBeforeTheNextIsWritten(string $transport, string $http): void
    {
        $server = self::$servers["$transport $http"];
        $worker = $this->worker($server);
        $vectors = Vectors::read('codings.json')['flushed'];
        $codings = $transport === 'php' ? ['gzip'] : ['gzip', 'br', 'zstd'];
        foreach (['identity', ...$codings] as $coding) {
            $pieces = $coding === 'identity' ? $vectors['lines'] : array_map(base64_decode(...), $vectors[$coding]);
            $server->answerInPieces($coding, $pieces);
            $request = self::request($worker, $server, $transport);
            foreach ($vectors['lines'] as $number => $line) {
                $request->waitFor($line);
                if ($number < 3) {
                    self::assertStringEndsWith($line, $request->written(), $coding);
                    $server->release();
                }
            }
            self::assertStringEndsWith($vectors['lines'][3] . 'whole', $request->response(), $coding);
        }
        self::assertSame(array_fill(0, count($codings) + 1, null), self::codes($worker));
    }

    /** With nginx in front of php-fpm, which would collect the lines if the script did not ask it to pass them on. */
    public function testEachLineGoesThroughNginxAtOnce(): void
    {
        $server = self::$servers['rust 2'];
        $worker = $this->worker($server);
        $server->answerInPieces('identity', ["one\n", "two\n"]);
        $directory = $worker->host->directory;
        $front = new NginxInFront($directory, $worker->fpm->socket, $worker->host->app . '/stream.php');
        $connection = $front->post(self::input($worker, $server, 'rust'));
        $read = '';
        $readUntil = static function (string $text) use ($connection, &$read): void {
            Poll::until(static function () use ($connection, $text, &$read): bool {
                $read .= fread($connection, 8192);
                return str_contains($read, $text);
            }, $text, 30);
        };
        $readUntil("one\n");
        self::assertStringNotContainsString('two', $read);
        $server->release();
        $readUntil("two\nwhole");
        $front->stop();
    }

    public function testATimeInWhichTheCallerPausesIsNotCounted(): void
    {
        $pause = (float) getenv('SECURE_OUTBOUND_PAUSE') ?: self::PAUSE;
        $options = $pause > self::OWN_IDLE ? [] : ['idleTimeout' => self::IDLE];
        $requests = [];
        foreach (self::ways() as $way => [$transport, $http]) {
            $server = self::$servers["$transport $http"];
            $worker = $this->worker($server);
            $server->answerInPieces('identity', ["one\n", "two\n"], 'silence');
            $file = $worker->host->directory->write('pause', '');
            $requests[$way] = self::request($worker, $server, $transport, ['options' => $options, 'pause' => $file]);
            $requests[$way]->waitFor("one\n");
            $server->release();
            $server->waitUntilWritten();
        }
        $until = hrtime(true) + (int) ($pause * 1e9);
        Poll::until(static fn (): bool => hrtime(true) > $until, 'the end of the pause', $pause + 1);
        foreach ($this->workers as $worker) {
            unlink($worker->host->directory->path . '/pause');
        }
        foreach ($requests as $way => $request) {
            self::assertStringEndsWith("one\ntwo\ntimeout.idle", $request->response(), $way);
        }
        foreach ($this->workers as $worker) {
            self::assertSame(['timeout.idle'], self::codes($worker));
        }
    }

    /**
     * @return iterable<string, array{string, string, string}> transport, HTTP version, and the script's end
     */
    public static function ends(): iterable
    {
        foreach (self::ways() as $name => $way) {
            yield $name . ', memory is used up' => [...$way, 'exhaust'];
            yield $name . ', the script exits' => [...$way, 'exit'];
        }
    }

    /**
     * The worker has no other request before the server has seen the end.
     *
     * @dataProvider ends
     */
    public function testAStreamThatAPhpRequestLeavesIsGivenUp(string $transport, string $http, string $end): void
    {
        $server = self::$servers["$transport $http"];
        $worker = $this->worker($server);
        $server->answerInPieces('identity', ["one\n"], 'silence');

        $written = self::request($worker, $server, $transport, ['end' => $end])->response();

        $server->waitUntilGivenUp();
        self::assertSame(['cancelled.abandoned'], self::codes($worker));
        self::assertStringContainsString($end === 'exhaust' ? 'Allowed memory size' : "one\n", $written);
        $server->answerInPieces('identity', ["one\n"]);
        $next = self::request($worker, $server, $transport)->response();
        self::assertSame((int) $written . "\none\nwhole", $next, 'the same worker');
        self::assertSame(['cancelled.abandoned', null], self::codes($worker));
    }

    /** Where the first shutdown function of the host calls exit(), PHP runs none of the others. */
    public function testAStreamThatNoShutdownFunctionEndsIsGivenUpAtTheNextBind(): void
    {
        $server = self::$servers['rust 1.1'];
        $worker = $this->worker($server);
        $server->answerInPieces('identity', ["one\n"], 'silence');
        self::request($worker, $server, 'rust', ['end' => 'exhaust-first'])->response();
        self::request($worker, $server, 'rust', ['end' => 'exhaust'])->response();

        $server->waitUntilClosed(2);
        self::assertSame(['cancelled.abandoned'], self::codes($worker), 'of the second one');
    }

    /**
     * @dataProvider ways
     */
    public function testAServerThatGoesAwayEndsAStream(string $transport, string $http): void
    {
        $server = self::$servers["$transport $http"];
        $worker = $this->worker($server);
        $server->answerInPieces('identity', ["one\n", "tw"], 'reset');
        $request = self::request($worker, $server, $transport);
        $request->waitFor("one\n");
        $server->release();

        self::assertMatchesRegularExpression('/\none\nprotocol\.\w+$/D', $response = $request->response());
        self::assertSame([substr((string) strrchr($response, "\n"), 1)], self::codes($worker));
    }

    private function worker(HoldingServer $server): Worker
    {
        $ini = ['memory_limit' => '32M'];
        $this->workers[] = $worker = new Worker($server, ini: $ini, extensions: ['curl', 'sockets']);
        mkdir(self::logs($worker));
        chmod(self::logs($worker), 0777);
        return $worker;
    }

    /**
     * @param array<string, mixed> $input see app/stream.php
     */
    private static function request(Worker $worker, HoldingServer $server, string $transport, array $input = []): FastCgiRequest
    {
        return $worker->run('stream.php', self::input($worker, $server, $transport, $input));
    }

    /**
     * @param array<string, mixed> $input
     */
    private static function input(Worker $worker, HoldingServer $server, string $transport, array $input = []): string
    {
        return (string) json_encode($input + [
            'config' => $transport === 'sidecar' ? self::$sidecars[$server->http]->config() : $server->config(),
            'service' => $transport === 'sidecar' ? ['transport' => $transport] : [
                'base_url' => $server->url(),
                'policy' => ['allowed_methods' => ['GET']],
                'transport' => $transport,
            ],
            'log' => self::logs($worker) . '/audit.jsonl',
            'options' => [],
            'pause' => null,
            'end' => '',
        ]);
    }

    private static function logs(Worker $worker): string
    {
        return $worker->host->directory->path . '/logs';
    }

    /**
     * @return list<string|null> of the audit records
     */
    private static function codes(Worker $worker): array
    {
        $lines = file(self::logs($worker) . '/audit.jsonl') ?: [];
        return array_map(static fn (string $line): ?string => json_decode($line, true)['error_code'], $lines);
    }
}
