<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\TransportInterface;
use Netresearch\NrVault\Transport\TransportSelector;

/**
 * Responses that the client reads while they arrive, and their audit records.
 */
trait StreamCases
{
    public function testEventsComeOneByOne(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [
            ['read'],
            FaultServer::write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" . self::chunk("data: 1\n\nda")),
            ['hold'],
            FaultServer::write(self::chunk("ta: 2\n\n") . "0\r\n\r\n"),
        ]);
        $data = [];
        foreach ($client->stream('streamed', 'POST', '/x')->events() as $event) {
            $data[] = $event->data;
            self::assertCount(0, $sink->entries());
            self::$server->release('plain');
        }
        self::assertSame(['1', '2'], $data);
        self::assertCount(1, $sink->entries());
        self::assertSame(AuditEntry::RESPONSE, $sink->entries()[0]->outcome);
    }

    public function testAStreamIsThereWithItsFirstByte(): void
    {
        $client = self::clientThatStreams(new MemoryAuditSink());
        self::$server->script('plain', [
            ['read'],
            FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"),
            ['hold'],
            FaultServer::write('a'),
        ]);
        $asked = 0;
        $signal = static function () use (&$asked): bool {
            if (self::requests() > 0 && ++$asked === 3) {
                self::$server->release('plain');
            }
            return false;
        };
        $response = $client->stream('streamed', 'POST', '/x', ['cancel' => $signal]);
        self::assertGreaterThanOrEqual(3, $asked, 'the head alone is no reason to return');
        self::assertSame([200, 'a'], [$response->statusCode(), $response->body()->getContents()]);
    }

    public function testABrokenStreamThrowsAndIsRecordedOnce(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        $head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        self::$server->script('plain', [['read'], FaultServer::write($head . self::chunk('abc')), ['cut']]);
        $body = $client->stream('streamed', 'POST', '/x')->body();
        for ($times = 0, $code = null; $times < 2; $times++) {
            try {
                $body->getContents();
            } catch (OutboundException $failure) {
                $code = $failure->errorCode();
            }
            self::assertSame('protocol.closed_early', $code);
            self::assertFalse($body->eof());
        }
        self::assertSame(['protocol.closed_early'], self::recorded($sink));
    }

    public function testAStreamThatNobodyReadsOnIsClosedAndRecorded(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), ['silence']]);
        $response = $client->stream('streamed', 'POST', '/x');
        self::assertSame([], $sink->entries());

        unset($response);

        self::$server->wait('plain', 'closed');
        self::assertSame(['cancelled.abandoned'], self::recorded($sink));
    }

    public function testAStreamOfWhichOnlyTheEndIsMissingIsWhole(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        $body = self::chunk("data: [DONE]\n\n") . "0\r\n\r\n";
        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n$body")]);
        foreach ($client->stream('streamed', 'POST', '/x')->events() as $event) {
            self::assertSame('[DONE]', $event->data);
            self::$server->wait('plain', 'ended');
            break;
        }
        unset($event);
        self::assertSame([null], self::recorded($sink));
    }

    /** In a process of its own, whose largest size is asked for before and after. */
    public function testAResponseThatIsLargerThanMemory(): void
    {
        $size = self::largeResponse();
        $sink = self::$directory->path . '/sink';
        $grown = self::growth('["sink" => "/dev/null"]', '["sink" => ' . var_export($sink, true) . ']');
        self::assertSame($size, filesize($sink));
        unlink($sink);
        self::assertLessThan(4096, $grown);
    }

    public function testAStreamThatIsLargerThanMemory(): void
    {
        $read = static fn (int $size): string => '
            $body = $client->stream("left", "POST", "/x")->body();
            for ($read = 0; ($bytes = $body->read(1 << 16)) !== ""; $read += strlen($bytes)) {
            }
            $read === ' . $size . ' || exit("read $read");';
        $size = self::largeResponse();
        self::assertLessThan(4096, self::grown($read(4), $read($size)));
    }

    /** Prepares a short response and one of 200 MiB, and gives the size of that. */
    private static function largeResponse(): int
    {
        $size = 200 << 20;
        $head = "HTTP/1.1 200 OK\r\ncontent-length: $size\r\n\r\n";
        $large = [['read'], FaultServer::write($head), ['repeat', base64_encode(str_repeat('x', 1 << 16)), $size >> 16]];
        self::$server->script('plain', [['read'], FaultServer::answer(200, [['connection', 'close']], 'warm')], $large);
        return $size;
    }

    /**
     * By how many KiB a process grows with the second of two calls.
     *
     * @param string $options code of the options of each call
     */
    private static function growth(string ...$options): int
    {
        $calls = array_map(static fn (string $one): string => '$client->request("left", "POST", "/x", ' . $one . ');', $options);
        return self::grown(...$calls);
    }

    /**
     * By how many KiB a process grows with the second of two pieces of code.
     */
    private static function grown(string ...$calls): int
    {
        $script = self::script('large.php', '"limits" => ["request_bytes" => 1 << 30, "response_bytes" => 1 << 30]', '
            $size = static function (): int {
                preg_match("/VmHWM:\\s+(\\d+)/", file_get_contents("/proc/self/status"), $found);
                return (int) $found[1];
            };
            ' . $calls[0] . '
            $before = $size();
            ' . $calls[1] . '
            echo $size() - $before;
        ');
        $result = Process::run([PHP_BINARY, $script], ['SECURE_OUTBOUND_LIBRARY' => Build::library()]);
        self::assertMatchesRegularExpression('/\A-?\d+\z/', $result['output']);
        return (int) $result['output'];
    }

    /**
     * @return array<string, array{string, string}>
     */
    public static function endsOfRequests(): array
    {
        return [
            'exit' => ['exit(3);', 'cancelled.abandoned'],
            'a fatal error' => ['ini_set("memory_limit", "16M"); str_repeat("x", 1 << 26);', 'cancelled.abandoned'],
            'the end of the script' => ['', 'cancelled.abandoned'],
        ];
    }

    /**
     * @dataProvider endsOfRequests
     */
    public function testAStreamThatAPhpRequestLeavesBehindIsRecorded(string $end, string $code): void
    {
        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), ['silence']]);
        $script = self::script('left.php', '', '$response = $client->stream("left", "POST", "/x");' . $end);
        Process::run([PHP_BINARY, $script], ['SECURE_OUTBOUND_LIBRARY' => Build::library()]);

        self::$server->wait('plain', 'closed');
        $records = array_map(
            static fn (string $line): mixed => json_decode($line, true)['error_code'],
            file($script . '.jsonl') ?: [],
        );
        self::assertSame([$code], $records);
    }

    public function testAForkedProcessLeavesAStreamOfItsParentAlone(): void
    {
        self::$server->script(
            'plain',
            [
                ['read'],
                FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc"),
                ['hold'],
                FaultServer::write('def'),
            ],
            [['read'], FaultServer::answer(201)],
        );
        $script = self::script('forked.php', '', '
            $response = $client->stream("left", "POST", "/x");
            echo $response->body()->read(9);
            flush();
            $child = pcntl_fork();
            if ($child === 0) {
                touch(__FILE__ . ".child");
                while (!file_exists(__FILE__ . ".released")) {
                    usleep(1000);
                    clearstatcache();
                }
                echo $client->request("left", "POST", "/x")->statusCode();
                exit(0);
            }
            pcntl_waitpid($child, $status);
            echo " ended ";
            echo $response->body()->getContents();
        ');
        $process = new Process([PHP_BINARY, $script], $script . '.log', ['SECURE_OUTBOUND_LIBRARY' => Build::library()]);
        $process->waitUntil(static fn (): bool => file_exists($script . '.child'), 'the child');
        self::$server->release('plain');
        self::$server->wait('plain', 'ended');
        touch($script . '.released');
        self::assertSame(0, $process->exitCode(), $process->log());

        self::assertSame('abc201 ended def', $process->log());
        self::assertCount(2, file($script . '.jsonl') ?: []);
    }

    public function testASignalEndsACallThatWaits(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], ['silence']]);
        foreach ([$client->request(...), $client->stream(...)] as $number => $call) {
            $signal = static fn (): bool => self::requests() > $number;
            $caught = null;
            try {
                $call('streamed', 'POST', '/x', ['cancel' => $signal]);
            } catch (OutboundException $caught) {
            }
            self::assertSame(['cancelled.requested', 'maybe'], [$caught?->errorCode(), $caught?->sent()]);
            self::$server->wait('plain', 'closed', $number + 1);
        }
        self::assertSame(['cancelled.requested', 'cancelled.requested'], self::recorded($sink));
    }

    public function testASignalEndsAStreamBetweenItsBytes(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), ['silence']]);
        $isCancelled = false;
        $signal = static function () use (&$isCancelled): bool {
            return $isCancelled;
        };
        $body = $client->stream('streamed', 'POST', '/x', ['cancel' => $signal])->body();
        self::assertSame('abc', $body->read(9));
        $isCancelled = true;
        $before = hrtime(true);
        $caught = null;
        try {
            $body->read(9);
        } catch (OutboundException $caught) {
        }
        self::assertSame(['cancelled.requested', 'yes'], [$caught?->errorCode(), $caught?->sent()]);
        self::assertLessThan(2_000_000_000, hrtime(true) - $before);
        self::$server->wait('plain', 'closed');
        self::assertSame(['cancelled.requested'], self::recorded($sink));
    }

    public function testASignalResetsAStreamOfAConnectionThatGoesOn(): void
    {
        if (!self::speaksHttp2()) {
            return;
        }
        $client = self::clientThatStreams($sink = new MemoryAuditSink(), listener: 'h2');
        $half = [['h2-head', [[':status', '200']], false], ['h2-data', base64_encode('half'), false]];
        $end = ['h2-data', base64_encode('other half'), true];
        $isShared = !self::deviates('connection-reuse');
        if ($isShared) {
            self::$server->script('h2', [['read'], ...$half, ['read'], ...$half, ['h2-await-reset'], $end, ['silence']]);
        } else {
            self::$server->script('h2', [['read'], ...$half, ['silence']], [['read'], ...$half, ['hold'], $end, ['silence']]);
        }
        $isCancelled = false;
        $signal = static function () use (&$isCancelled): bool {
            return $isCancelled;
        };
        $cancelled = $client->stream('streamed', 'POST', '/x', ['cancel' => $signal])->body();
        $other = $client->stream('streamed', 'POST', '/x')->body();
        self::assertSame(['half', 'half'], [$cancelled->read(9), $other->read(9)]);

        $isCancelled = true;
        $caught = null;
        try {
            $cancelled->read(9);
        } catch (OutboundException $caught) {
        }

        self::assertSame(['cancelled.requested', 'yes'], [$caught?->errorCode(), $caught?->sent()]);
        if (!$isShared) {
            self::$server->wait('h2', 'closed');
            self::$server->release('h2');
        }
        self::assertSame('other half', $other->getContents());
        self::assertSame(['cancelled.requested', null], self::recorded($sink));
        self::assertSame($isShared ? 1 : 2, self::connections('h2'));
    }

    public function testWhatASignalThrowsEndsTheStreamWithARecord(): void
    {
        $client = self::clientThatStreams($sink = new MemoryAuditSink());
        self::$server->script('plain', [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), ['silence']]);
        $signal = static fn (): bool => self::requests() > 0 ? throw new \DomainException('of the signal') : false;
        $caught = null;
        try {
            $client->request('streamed', 'POST', '/x', ['cancel' => $signal]);
        } catch (\DomainException $caught) {
        }
        self::assertNotNull($caught);
        self::$server->wait('plain', 'closed');
        self::assertSame(['internal.interrupted'], self::recorded($sink));
    }

    /**
     * A script that has a client of the service "left" as $client, and runs this code.
     *
     * @param string $config code of entries of the configuration
     */
    private static function script(string $name, string $config, string $code): string
    {
        $path = self::$directory->path . '/' . $name;
        @unlink($path . '.jsonl');
        return self::$directory->write($name, '<?php require ' . var_export(dirname(__DIR__, 2) . '/bootstrap.php', true) . ';
            $config = [' . $config . '] + ' . var_export(self::configuration(), true) . ';
            $transport = Netresearch\NrVault\Outbound\Tests\Contract\Transports::make(
                ' . var_export(static::transportName(), true) . ', $config);
            $selector = new class ($transport) implements Netresearch\NrVault\Transport\TransportSelector {
                public function __construct(private $transport) {}
                public function select(string $transport): Netresearch\NrVault\Transport\TransportInterface { return $this->transport; }
            };
            $registry = new Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry(["left" => [
                "base_url" => ' . var_export(self::url('plain'), true) . ',
                "policy" => ' . var_export(self::policyOfEntry(['response_bytes' => 1 << 30]), true) . ',
            ]]);
            $client = new Netresearch\NrVault\Service\SecureHttpClient(new Netresearch\NrVault\Outbound\Call\ServiceCalls(
                $registry,
                new Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider([]),
                $selector,
                new Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink(' . var_export($path . '.jsonl', true) . '),
            ));
            ' . $code);
    }

    /**
     * @param array<string, mixed> $policy more of the policy of the service "streamed"
     * @param SealedCredential|null $credential of the service
     */
    private static function clientThatStreams(
        MemoryAuditSink $sink,
        array $policy = [],
        string $listener = 'plain',
        ?SealedCredential $credential = null,
        ?TransportInterface $transport = null,
    ): SecureHttpClient {
        $selector = new class ($transport ?? self::$transport) implements TransportSelector {
            public function __construct(private readonly TransportInterface $transport)
            {
            }

            public function select(string $transport): TransportInterface
            {
                return $this->transport;
            }
        };
        $reference = $credential?->reference;
        $registry = new ArrayServiceRegistry(['streamed' => [
            'base_url' => self::url($listener),
            'policy' => self::policyOfEntry($policy),
            'credentials' => $reference === null ? [] : [['identifier' => $reference->identifier, 'type' => $reference->type]],
        ]]);
        $credentials = new ArrayCredentialProvider($credential === null ? [] : [$credential->reference->identifier => $credential->sealed]);
        return new SecureHttpClient(new ServiceCalls($registry, $credentials, $selector, $sink));
    }

    /**
     * @return list<string|null>
     */
    private static function recorded(MemoryAuditSink $sink): array
    {
        return array_map(static fn (AuditEntry $entry): ?string => $entry->record['error_code'], $sink->entries());
    }
}
