<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\OwnNetwork;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * The address guard: addresses as literals, from names, and several of one name. Allowed addresses are connected to in a network
 * that no packet leaves.
 */
trait AddressCases
{
    /**
     * @group own-network
     */
    public function testEveryAddressHasItsVerdictAsALiteral(): void
    {
        $addresses = Vectors::read('addresses.json')['addresses'];
        self::assertCount(212, $addresses);
        $hosts = array_map(static fn (array $case): string => self::literal($case['address']), $addresses);
        self::assertVerdicts($addresses, self::dialled($hosts, []));
    }

    /**
     * @group own-network
     */
    public function testEveryAddressHasItsVerdictAsAnAnswer(): void
    {
        $addresses = Vectors::read('addresses.json')['addresses'];
        $hosts = $lines = [];
        foreach ($addresses as $index => $case) {
            $hosts[] = $name = 'a' . $index . '.example';
            $lines[] = $case['address'] . ' ' . $name;
        }
        $outcomes = self::dialled($hosts, $lines);
        foreach ($addresses as $index => $case) {
            if (preg_match('/^::ffff:(?!0:)/', $case['address']) === 1) {
                // The system's resolver turns such an address into the IPv4 address in it, or reports no address.
                self::assertStringEndsWith(' no', $outcomes[$index]['brief']);
                unset($addresses[$index], $outcomes[$index]);
            }
        }
        self::assertVerdicts($addresses, $outcomes);
    }

    /**
     * @group own-network
     */
    public function testOneBadAnswerAmongSeveralRefuses(): void
    {
        $hosts = ['first.example', 'last.example', 'six.example', 'good.example'];
        $outcomes = self::dialled($hosts, [
            '10.0.0.1 first.example',
            '93.184.216.34 first.example',
            '93.184.216.34 last.example',
            '93.184.216.35 last.example',
            '127.0.0.1 last.example',
            '93.184.216.34 six.example',
            '::1 six.example',
            '93.184.216.34 good.example',
            '93.184.216.35 good.example',
        ]);
        self::assertSame('policy.address_not_allowed no', $outcomes[0]['brief']);
        self::assertSame('policy.address_not_allowed no', $outcomes[1]['brief']);
        self::assertSame('policy.address_not_allowed no', $outcomes[2]['brief']);
        self::assertSame('connect.failed no', $outcomes[3]['brief']);
    }

    /**
     * @group own-network
     */
    public function testASilentAddressKeepsNoOtherFromItsTurn(): void
    {
        $silent = ['93.184.216.34', '93.184.216.35'];
        $served = '93.184.216.36';
        $names = ['one.example' => [$silent[0], $served], 'two.example' => [...$silent, $served]];
        $lines = '';
        foreach ($names as $name => $addresses) {
            foreach ($addresses as $address) {
                $lines .= $address . ' ' . $name . "\n";
            }
        }
        $answer = OwnNetwork::run(
            self::$directory,
            [
                'addresses' => [...$silent, $served],
                'hosts' => $lines,
                'silent' => $silent,
                'listen' => ['served' => [
                    'address' => $served,
                    'port' => 443,
                    'tls' => self::$tls->issue('several', array_map(static fn (string $name): string => 'DNS:' . $name, array_keys($names))),
                    'answer' => [FaultServer::answer()],
                ]],
                'transport' => static::transportName(),
                'config' => [
                    'tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority],
                    'defaults' => ['connect_timeout_ms' => 3000],
                ],
            ],
            array_map(static fn (string $name): RequestSpec => self::request(baseUrl: 'https://' . $name), array_keys($names)),
        );
        foreach ($answer['outcomes'] as $outcome) {
            self::assertSame(['200', $served], [$outcome['brief'], $outcome['audit']['remote_address']], $outcome['message']);
            if (self::deviates('address-turns')) {
                self::assertGreaterThan(900_000, $outcome['audit']['duration_us'], 'the first had its share of the time');
            }
        }
    }

    /**
     * @dataProvider hosts
     */
    public function testHostOfAUrl(int $index): void
    {
        $case = Vectors::read('addresses.json')['hosts'][$index];
        $outcome = self::call(self::request(baseUrl: 'https://' . $case['host'] . '/v1'), self::guarded());

        // A host that is neither an address nor a name is malformed; the guard judges every other one.
        $spelling = '/^(\[::|\[0:0:|\[64:ff9b|127\.0\.0\.1\.?$|localhost\.?$|foo\.localhost$|metadata\.)/i';
        $code = preg_match($spelling, $case['host']) === 1
            ? 'policy.address_not_allowed'
            : 'invalid_request.malformed';
        self::assertFailed($code, 'no', $outcome);
        self::assertNull($outcome->audit['remote_address']);
    }

    /**
     * @return iterable<string, array{int}>
     */
    public static function hosts(): iterable
    {
        foreach (Vectors::read('addresses.json')['hosts'] as $index => $case) {
            yield $case['host'] . ', ' . $case['why'] => [$index];
        }
    }

    public function testAllHostsAreThere(): void
    {
        self::assertCount(26, Vectors::read('addresses.json')['hosts']);
    }

    public function testAPolicyThatNamesAnAddressDoesNotOpenIt(): void
    {
        self::$server->answers('tls', [FaultServer::answer()]);
        $port = self::$server->port('tls');
        foreach (['127.0.0.1', '[::1]', 'localhost'] as $host) {
            $policy = self::policy(allowedHosts: [$host . ':' . $port]);
            $request = self::request(baseUrl: 'https://' . $host . ':' . $port, policy: $policy);
            self::assertFailed('policy.address_not_allowed', 'no', self::call($request, self::guarded()), why: $host);
        }
        self::assertSame(0, self::connections('tls'));
    }

    public function testAnInternalHostOpensItsOwnSpellingPortAndNetworksAlone(): void
    {
        self::$server->answers('tls', [FaultServer::answer()]);
        $port = self::$server->port('tls');
        $transport = static fn (array $networks): object => self::make(['internal_hosts' => [
            ['host' => 'localhost', 'networks' => $networks, 'ports' => [$port]],
        ]]);
        $code = static function (string $host, int $port, object $transport): string {
            $request = self::request(baseUrl: 'https://' . $host . ':' . $port);
            return self::call($request, $transport)->brief();
        };
        $own = $transport(['127.0.0.0/8', '::1/128']);
        foreach (['127.0.0.1', '127.0.0.2', '[::ffff:127.0.0.1]', '[::1]', 'a.localhost'] as $host) {
            self::assertSame('policy.address_not_allowed no', $code($host, $port, $own), $host);
        }
        self::assertSame('policy.port_not_allowed no', $code('localhost', $port ^ 1, $own));
        self::assertSame('policy.address_not_allowed no', $code('localhost', $port, $transport(['10.0.0.0/8'])));
        self::assertSame(0, self::connections('tls'));
        self::assertSame('200', $code('LOCALHOST.', $port, $own));
        self::assertSame('localhost:' . $port, self::received('tls')->authority, 'without a trailing dot');
    }

    /**
     * @group own-network
     */
    public function testAnInternalHostWithAPublicAnswerIsRefused(): void
    {
        $outcomes = self::dialled(['inside.example'], ['93.184.216.34 inside.example'], ['internal_hosts' => [
            ['host' => 'inside.example', 'networks' => ['10.0.0.0/8'], 'ports' => [443]],
        ]]);
        self::assertSame('policy.address_not_allowed no', $outcomes[0]['brief']);
    }

    /**
     * @group own-network
     */
    public function testAPublicAddressIsDialledAndRecorded(): void
    {
        $tls = self::$tls->issue('public', ['DNS:api.example', 'IP:93.184.216.34']);
        $answer = OwnNetwork::run(
            self::$directory,
            [
                'addresses' => ['93.184.216.34'],
                'hosts' => "93.184.216.34 api.example\n",
                'listen' => ['api' => [
                    'address' => '93.184.216.34',
                    'port' => 443,
                    'tls' => $tls,
                    'answer' => [FaultServer::answer(200, [], 'public')],
                ]],
                'transport' => static::transportName(),
                'config' => ['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]],
            ],
            [
                self::request(baseUrl: 'https://api.example/v1'),
                self::request(baseUrl: 'https://api.example./v1'),
                self::request(baseUrl: 'https://93.184.216.34/v1'),
            ],
        );
        foreach ($answer['outcomes'] as $outcome) {
            self::assertSame(['200', 'public'], [$outcome['brief'], $outcome['body']], $outcome['message']);
            self::assertSame('93.184.216.34', $outcome['audit']['remote_address']);
        }
        self::assertSame(['/v1/x', '/v1/x', '/v1/x'], $answer['targets']['api']);
    }

    /**
     * @group own-network
     */
    public function testANameIsResolvedOnceAndWhatWasJudgedIsDialled(): void
    {
        $answer = OwnNetwork::run(
            self::$directory,
            [
                'addresses' => ['93.184.216.34'],
                'dns' => [
                    'api.example' => [['93.184.216.34'], ['127.0.0.1']],
                    'inside.example' => [['127.0.0.1'], ['93.184.216.34']],
                    'mixed.example' => [['93.184.216.34', '10.0.0.1']],
                    'empty.example' => [[]],
                ],
                'listen' => ['api' => [
                    'address' => '93.184.216.34',
                    'port' => 443,
                    'tls' => self::$tls->issue('once', ['DNS:api.example']),
                    'answer' => [FaultServer::answer()],
                ]],
                'transport' => static::transportName(),
                'config' => ['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]],
            ],
            array_map(
                static fn (string $host): RequestSpec => self::request(baseUrl: 'https://' . $host . '/v1'),
                ['api.example', 'inside.example', 'mixed.example', 'empty.example', 'missing.example'],
            ),
        );
        self::assertSame(
            ['200', 'policy.address_not_allowed no', 'policy.address_not_allowed no', 'dns.not_found no', 'dns.not_found no'],
            array_column($answer['outcomes'], 'brief'),
        );
        self::assertSame('93.184.216.34', $answer['outcomes'][0]['audit']['remote_address']);
        foreach (['api.example', 'inside.example', 'mixed.example'] as $name) {
            self::assertSame(1, $answer['questions'][$name . ' 1'], 'a second answer could be another: ' . $name);
        }
    }

    /**
     * Sends a request to port 443 of each host. Nothing listens there.
     *
     * @param list<string> $hosts
     * @param list<string> $lines lines of the hosts file
     * @param array<string, mixed> $config
     * @return array<int, array<string, mixed>>
     */
    private static function dialled(array $hosts, array $lines, array $config = []): array
    {
        $task = [
            'hosts' => implode("\n", $lines) . "\n",
            'transport' => static::transportName(),
            'config' => $config + ['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]],
        ];
        $requests = array_map(
            static fn (string $host): RequestSpec => self::request(baseUrl: 'https://' . $host . '/v1'),
            $hosts,
        );
        return OwnNetwork::run(self::$directory, $task, $requests)['outcomes'];
    }

    /**
     * @param array<int, array<string, mixed>> $cases
     * @param array<int, array<string, mixed>> $outcomes
     */
    private static function assertVerdicts(array $cases, array $outcomes): void
    {
        foreach ($cases as $index => $case) {
            $expected = $case['verdict'] === 'blocked' ? 'policy.address_not_allowed no' : 'connect.failed no';
            $why = $case['address'] . ', ' . $case['why'] . ': ' . $outcomes[$index]['message'];
            self::assertSame($expected, $outcomes[$index]['brief'], $why);
            self::assertNull($outcomes[$index]['audit']['remote_address'], $why);
        }
    }

    private static function literal(string $address): string
    {
        return str_contains($address, ':') ? '[' . $address . ']' : $address;
    }

    /** A transport without internal hosts. */
    private static function guarded(): object
    {
        return self::make(['internal_hosts' => []]);
    }
}
