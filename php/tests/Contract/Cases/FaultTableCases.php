<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Contract\OwnNetwork;
use Netresearch\NrVault\Outbound\Tests\Contract\Pages;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Every row of the tables in docs/faults.md: how a call with three attempts ends where each attempt meets the same fault.
 */
trait FaultTableCases
{
    private const KEY = 'order-17';

    /** The rows in which PhpTransport may differ, each with the deviation that is the reason. */
    private const DIFFERENT = [
        'GOAWAY before the request' => 'http2-refusal',
        'GOAWAY without our stream' => 'http2-refusal',
        'REFUSED_STREAM' => 'http2-refusal',
        'reset after the request, HTTP/1.1' => 'resend',
        'closed after the request, HTTP/1.1' => 'resend',
        'slow header' => 'status-line',
    ];

    /** Arguments of RequestSpec for the last three columns of the table. */
    private const REQUESTS = [
        ['method' => 'GET'],
        ['method' => 'POST', 'body' => 'x'],
        ['method' => 'POST', 'body' => 'x', 'idempotencyKey' => self::KEY],
    ];

    /**
     * @dataProvider faults
     * @param list<array<mixed>> $steps of every connection
     */
    public function testAFaultThatDoesNotGoAway(string $fault, string $listener, array $steps): void
    {
        if ($listener === 'h2' && !self::speaksHttp2()) {
            return;
        }
        $ended = [];
        foreach (self::REQUESTS as $request) {
            self::$server->script($listener, $steps);
            $outcome = self::call(self::thrice($listener, ...$request));
            $ended[] = self::ended($outcome, self::requests($listener));
            self::assertKeys($listener, $request);
        }
        $this->assertRow($fault, $ended);
    }

    /**
     * @return iterable<string, array{string, string, list<array<mixed>>}>
     */
    public static function faults(): iterable
    {
        $part = FaultServer::write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart");
        $faults = [
            'GOAWAY before the request' => ['h2', ['h2-goaway', 0, 0], ['silence']],
            'GOAWAY without our stream' => ['h2', ['read'], ['h2-goaway', 0, 0]],
            'REFUSED_STREAM' => ['h2', ['read'], ['h2-rst', 7], ['loop']],
            'GOAWAY with our stream, then closed' => ['h2', ['read'], ['h2-goaway', null, 0]],
            'RST_STREAM with another code' => ['h2', ['read'], ['h2-rst', 2], ['loop']],
            'reset after the request, HTTP/1.1' => ['plain', ['read'], ['reset']],
            'closed after the request, HTTP/1.1' => ['plain', ['read'], ['close']],
            'closed after the request, HTTP/2' => ['h2', ['read'], ['close']],
            'closed within the header' => ['plain', ['read'], FaultServer::write('HTTP/1.1 20')],
            'garbage instead of a response' => ['plain', ['read'], FaultServer::write("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
            'truncated body, HTTP/1.1' => ['plain', ['read'], $part],
            'truncated body, HTTP/2' => [
                'h2',
                ['read'],
                ['h2-head', [[':status', '200'], ['content-length', '9']], false],
                ['h2-data', base64_encode('part'), false],
            ],
        ];
        foreach ($faults as $fault => $steps) {
            yield $fault => [$fault, array_shift($steps), $steps];
        }
    }

    /**
     * @dataProvider slowFaults
     * @param list<array<mixed>> $steps of every connection
     */
    public function testAFaultThatTakesAllTheTimeThereIs(string $fault, array $steps): void
    {
        $row = $this->row($fault);
        $ended = [];
        foreach (self::REQUESTS as $index => $request) {
            $brief = $row[1] . ' ' . strstr($row[2 + $index], ',', true);
            $outcome = self::patiently($brief, static function (int $deadline) use ($steps, $request): Outcome {
                self::$server->script('plain', $steps);
                return self::call(self::thrice('plain', ...$request, timeoutMs: $deadline));
            });
            self::$server->wait('plain', 'silent');
            $ended[] = self::ended($outcome, self::requests());
        }
        $this->assertRow($fault, $ended);
    }

    /**
     * @return iterable<string, array{string, list<array<mixed>>}>
     */
    public static function slowFaults(): iterable
    {
        $head = "HTTP/1.1 200 OK\r\n";
        yield 'header' => ['slow header', [['read'], FaultServer::write($head . 'x-slow: '), ['silence']]];
        yield 'body' => ['slow body', [['read'], FaultServer::write($head . "content-length: 9\r\n\r\npart"), ['silence']]];
    }

    /**
     * @dataProvider handshakes
     * @param list<array<mixed>> $steps of every connection
     */
    public function testAConnectionThatIsNotMade(string $fault, array $steps, int $connectTimeoutMs = 10_000): void
    {
        $transport = self::make(['defaults' => ['connect_timeout_ms' => $connectTimeoutMs]]);
        $baseUrl = 'https://localhost:' . self::$server->port('plain');
        $ended = [];
        foreach (self::REQUESTS as $request) {
            self::$server->script('plain', $steps);
            $outcome = self::call(self::thrice('plain', ...$request + ['baseUrl' => $baseUrl]), $transport);
            self::assertSame($outcome->audit['attempts'], self::connections());
            $ended[] = self::ended($outcome, self::requests());
        }
        $this->assertRow($fault, $ended);
    }

    /**
     * @return iterable<string, array{0: string, 1: list<array<mixed>>, 2?: int}>
     */
    public static function handshakes(): iterable
    {
        $alert = FaultServer::write("\x15\x03\x03\0\x02\x02\x28");
        yield 'silence' => ['no handshake within `connect_timeout_ms`', [['silence']], 100];
        yield 'reset' => ['reset before the request, in the TLS handshake', [['take', 1], ['reset']]];
        yield 'alert' => ['TLS failure: an alert', [['take', 5], $alert, ['silence']]];
    }

    public function testNobodyListensAtAnyAttempt(): void
    {
        $port = Port::free();
        $transport = self::make(['internal_hosts' => self::internal([$port])]);
        $call = static fn (array $request): Outcome
            => self::call(self::thrice('plain', ...$request + ['baseUrl' => 'https://localhost:' . $port]), $transport);

        $ended = array_map(static fn (array $request): array => self::ended($call($request), 0), self::REQUESTS);
        $this->assertRow('refused', $ended);
    }

    public function testACertificateOfAnotherHostAtAnyAttempt(): void
    {
        [$transport, $listener] = self::served(self::$tls->issue('another', ['DNS:other.example']));
        $call = static fn (array $request): Outcome => self::call(self::thrice($listener, ...$request), $transport);

        $ended = array_map(static fn (array $request): array => self::ended($call($request), 0), self::REQUESTS);
        $this->assertRow("TLS failure: another host's certificate", $ended);
        self::assertSame(0, self::requests($listener));
    }

    /**
     * @group own-network
     */
    public function testNamesThatAreNotFoundAtAnyAttempt(): void
    {
        $lookups = [
            'the name does not exist' => ['dns' => ['other.example' => [['93.184.216.34']]]],
            // Without "dns", nothing listens at the name server's port.
            'the name server fails' => [],
        ];
        foreach ($lookups as $fault => $names) {
            $answer = OwnNetwork::run(
                self::$directory,
                $names + ['transport' => static::transportName(), 'config' => []],
                array_map(
                    static fn (array $request): RequestSpec
                        => self::thrice('plain', ...$request, baseUrl: 'https://api.example/v1'),
                    self::REQUESTS,
                ),
            );
            $this->assertRow($fault, array_map(static function (array $outcome): array {
                [$code, $sent] = explode(' ', $outcome['brief']);
                return [$code, $sent, $outcome['audit'], 0];
            }, $answer['outcomes']));
        }
    }

    /**
     * The C library's messages are in the language of the locale, so the code must not depend on them.
     *
     * @group own-network
     */
    public function testTheLanguageOfTheSystemHasNoSay(): void
    {
        $locales = self::$directory->path . '/locales';
        mkdir($locales);
        $made = Process::run(['localedef', '-i', 'de_DE', '-f', 'UTF-8', $locales . '/de_DE.UTF-8']);
        self::assertSame(0, $made['code'], $made['output']);
        $lookups = [
            'dns.not_found no' => ['dns' => ['other.example' => [['93.184.216.34']]]],
            // Without "dns", nothing listens at the name server's port.
            'dns.failed no' => [],
        ];
        foreach ($lookups as $brief => $names) {
            $answer = OwnNetwork::run(
                self::$directory,
                $names + ['locale' => 'de_DE.UTF-8', 'transport' => static::transportName(), 'config' => []],
                [self::request(baseUrl: 'https://api.example/v1')],
                ['LOCPATH' => $locales, 'LANGUAGE' => 'de'],
            );
            self::assertSame([$brief], array_column($answer['outcomes'], 'brief'));
        }
    }

    public function testEveryRowOfThePageHasItsFault(): void
    {
        $here = [
            ...array_column([...self::faults(), ...self::slowFaults(), ...self::handshakes()], 0),
            'refused', "TLS failure: another host's certificate", 'the name does not exist', 'the name server fails',
        ];
        [$library, $php] = Pages::faults();

        self::assertEqualsCanonicalizing(array_keys($library), $here);
        self::assertSame(array_keys(self::DIFFERENT), array_keys($php));
        foreach ($php as $fault => $cells) {
            self::assertNotSame($library[$fault], $cells, $fault . ' does not differ');
        }
    }

    /** A request with three attempts; $more replaces arguments of RequestSpec by name. */
    private static function thrice(string $listener, mixed ...$more): RequestSpec
    {
        return self::request($listener, ...$more + ['policy' => self::policy(maxAttempts: 3)]);
    }

    /**
     * @return array{string, string, array<string, mixed>, int} code, "sent", audit record, requests that the server received
     */
    private static function ended(Outcome $outcome, int $requests): array
    {
        return [(string) $outcome->code, (string) $outcome->sent, (array) $outcome->audit, $requests];
    }

    /**
     * The cells of the page for this transport: class, code and the three requests. Rows that differ for PhpTransport are in a
     * second table.
     *
     * @return list<string>
     */
    private function row(string $fault): array
    {
        [$library, $php] = Pages::faults();
        $deviation = self::DIFFERENT[$fault] ?? null;
        return $deviation !== null && self::deviates($deviation) ? $php[$fault] : $library[$fault];
    }

    /**
     * @param list<array{string, string, array<string, mixed>, int}> $ended of each request
     */
    private function assertRow(string $fault, array $ended): void
    {
        $kinds = $cells = [];
        foreach ($ended as [$code, $sent, $audit, $requests]) {
            self::assertSame(array_fill(0, $audit['attempts'], $code), $audit['attempt_errors'], $fault);
            $kinds[$code] = [$audit['error_class'], $code];
            $cells[] = $sent . ', ' . $audit['attempts'] . ', ' . $requests;
        }
        // If the three requests had different codes, there would be more cells than on the page.
        self::assertSame($this->row($fault), [...array_merge(...array_values($kinds)), ...$cells], $fault);
    }

    /**
     * @param array<string, mixed> $request
     */
    private static function assertKeys(string $listener, array $request): void
    {
        $keys = isset($request['idempotencyKey']) ? [self::KEY] : [];
        foreach (self::$server->requests($listener) as $received) {
            self::assertSame($keys, $received->values('idempotency-key'));
        }
    }
}
