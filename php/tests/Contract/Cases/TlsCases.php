<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Contract\OwnNetwork;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * Which servers are trusted; a server that is not trusted receives no request.
 */
trait TlsCases
{
    public function testCertificatesThatDoNotStand(): void
    {
        $past = ['-startdate', '20190101000000Z', '-enddate', '20200101000000Z'];
        $future = ['-startdate', '29980101000000Z', '-enddate', '29990101000000Z'];
        $name = ['DNS:localhost'];
        $certificates = [
            'expired' => [self::$tls->issue('expired', $name, $past), 'localhost'],
            'not yet valid' => [self::$tls->issue('future', $name, $future), 'localhost'],
            'another host' => [self::$tls->issue('another', ['DNS:example.com']), 'localhost'],
            'a wildcard above' => [self::$tls->issue('wildcard', ['DNS:*.localhost']), 'localhost'],
            'another address' => [self::$tls->issue('address', ['IP:127.0.0.2']), '127.0.0.1'],
            'a name for an address' => [self::$tls->issue('name', $name), '127.0.0.1'],
            'for clients only' => [self::$tls->issue('client', $name, usage: 'clientAuth'), 'localhost'],
            'self-signed' => [self::$tls->issue('self', $name, selfSigned: true), 'localhost'],
            'of another authority' => [self::foreign(), 'localhost'],
        ];
        foreach ($certificates as $why => [$files, $host]) {
            [$transport, $listener] = self::served($files + ['alpn' => ['http/1.1']]);
            $outcome = self::call(self::request(
                $listener,
                baseUrl: self::url($listener, $host),
                headers: [['x-canary', self::CANARY]],
                body: self::CANARY,
                credentials: [self::bearer()],
            ), $transport);

            self::assertFailed('tls.certificate_invalid', 'no', $outcome, why: $why);
            self::assertFalse($outcome->retryable, $why);
            $seen = self::$server->seen($listener);
            self::assertSame([1, 0], [count($seen), self::requests($listener)], $why);
            self::assertStringNotContainsString(self::CANARY, $seen[0]['received'], $why);
        }
    }

    public function testACommonNameAloneIsNoName(): void
    {
        foreach (['none' => [], 'email' => ['email:a@localhost'], 'uri' => ['URI:https://localhost']] as $what => $names) {
            [$transport, $listener] = self::served(self::$tls->issue('common-' . $what, $names));
            $outcome = self::call(self::request($listener), $transport);

            if (self::deviates('common-name')) {
                self::assertSame('200', $outcome->brief(), $what);
            } else {
                self::assertFailed('tls.certificate_invalid', 'no', $outcome, why: $what);
            }
        }
    }

    public function testWhatTheKeyOfACertificateIsFor(): void
    {
        $usages = [
            'digitalSignature' => true,
            'keyAgreement' => true,
            'keyEncipherment' => true,
            'cRLSign' => !self::deviates('key-usage'),
        ];
        foreach ($usages as $usage => $isTaken) {
            $more = "serverAuth\nkeyUsage=critical," . $usage;
            [$transport, $listener] = self::served(self::$tls->issue('usage-' . $usage, ['DNS:localhost'], usage: $more));
            $outcome = self::call(self::request($listener), $transport);
            self::assertSame($isTaken ? '200' : 'tls.certificate_invalid no', $outcome->brief(), $usage);
        }
    }

    public function testVersionsOfTls(): void
    {
        $own = ['certificate' => self::$tls->certificate, 'key' => self::$tls->key];
        foreach (['1.2', '1.3'] as $version) {
            [$transport, $listener] = self::served($own + ['minimum' => $version, 'maximum' => $version]);
            $outcome = self::call(self::request($listener), $transport);
            self::assertSame('200', $outcome->brief(), $outcome->message());
            $told = self::deviates('tls-version') ? null : $version;
            self::assertSame($told, $outcome->audit['tls_version']);
            self::assertSame('localhost', self::$server->seen($listener)[0]['server_name']);
        }
        foreach (['1.0', '1.1'] as $number => $version) {
            $version = $number === 0 ? '1' : $version;
            [$transport, $listener] = self::served($own + ['minimum' => $version, 'maximum' => $version]);
            $outcome = self::call(self::request($listener), $transport);
            self::assertFailed('tls.handshake_failed', 'no', $outcome, why: $version);
            self::assertSame(0, self::requests($listener));
        }
    }

    /**
     * @group own-network
     */
    public function testTheSystemsSettingsDoNotLowerTheVersion(): void
    {
        $lax = "openssl_conf=own\n[own]\nssl_conf=ssl\n[ssl]\nsystem_default=lax\n"
            . "[lax]\nMinProtocol=TLSv1\nCipherString=DEFAULT:@SECLEVEL=0\n";
        $tls = self::$tls->issue('lax', ['DNS:old.example', 'DNS:new.example']);
        $listen = static fn (string $address, string $minimum, string $maximum): array => [
            'address' => $address,
            'port' => 443,
            'tls' => $tls + ['minimum' => $minimum, 'maximum' => $maximum],
            'answer' => [FaultServer::answer()],
        ];
        $answer = OwnNetwork::run(
            self::$directory,
            [
                'addresses' => ['93.184.216.34', '93.184.216.35'],
                'hosts' => "93.184.216.34 old.example\n93.184.216.35 new.example\n",
                'listen' => [
                    'old' => $listen('93.184.216.34', '1', '1.1'),
                    'new' => $listen('93.184.216.35', '1.2', '1.3'),
                ],
                'transport' => static::transportName(),
                'config' => ['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]],
            ],
            [self::request(baseUrl: 'https://old.example'), self::request(baseUrl: 'https://new.example')],
            ['OPENSSL_CONF' => self::$directory->write('lax.cnf', $lax)],
        );

        self::assertSame(['tls.handshake_failed no', '200'], array_column($answer['outcomes'], 'brief'));
        self::assertSame([], $answer['targets']['old']);
    }

    public function testPostQuantumKeyExchangeCanBeLeftOut(): void
    {
        $trust = ['roots' => 'file', 'ca_file' => self::$tls->authority];
        foreach ([[], ['post_quantum' => true], ['post_quantum' => false]] as $tls) {
            self::$server->script('plain', [['take', 200]]);
            $baseUrl = 'https://localhost:' . self::$server->port('plain');
            $outcome = self::call(self::request(baseUrl: $baseUrl), self::make(['tls' => $tls + $trust]));
            self::assertFailed('tls.handshake_failed', 'no', $outcome);

            $groups = self::offeredGroups(self::$server->seen('plain')[0]['received']);
            $offers = $tls['post_quantum'] ?? true;
            if (self::deviates('post-quantum')) {
                $offers = $offers && version_compare(self::opensslVersion(), '3.5', '>=');
            }
            self::assertSame($offers, in_array(0x11EC, $groups, true), json_encode($tls + ['groups' => $groups]));
            if (($tls['post_quantum'] ?? true) === false) {
                self::assertEqualsCanonicalizing([29, 23, 24], $groups);
            }
            self::$server->script('tls', [['read'], FaultServer::answer()]);
            self::assertSame('200', self::call(self::request('tls'), self::make(['tls' => $tls + $trust]))->brief());
        }
    }

    private static function opensslVersion(): string
    {
        preg_match('~OpenSSL/([0-9.]+)~', curl_version()['ssl_version'], $found);
        return $found[1] ?? '0';
    }

    /**
     * The groups that a ClientHello names (RFC 8446 section 4.2.7).
     *
     * @return list<int>
     */
    private static function offeredGroups(string $hello): array
    {
        $number = static fn (int $at): int => unpack('n', $hello, $at)[1];
        // The headers of record and handshake message, the version and the random come before the fields of variable length.
        $at = 5 + 4 + 2 + 32;
        $at += 1 + ord($hello[$at]);
        $at += 2 + $number($at);
        $at += 1 + ord($hello[$at]);
        $end = $at + 2 + $number($at);
        for ($at += 2; $at < $end; $at += 4 + $number($at + 2)) {
            if ($number($at) === 10) {
                return array_values(unpack('n*', substr($hello, $at + 6, $number($at + 2) - 2)));
            }
        }
        return [];
    }

    /** Only suites with forward secrecy and an AEAD: recorded traffic stays secret when the server's key leaks, and no padding is used. */
    public function testSuitesOfTls12(): void
    {
        $rsa = ['-newkey', 'rsa:2048', '-nodes'];
        $ecdsa = ['certificate' => self::$tls->certificate, 'key' => self::$tls->key];
        $rsa = self::$tls->issue('rsa', ['DNS:localhost'], key: $rsa);
        $suites = [
            'ECDHE-ECDSA-AES256-GCM-SHA384' => [$ecdsa, true],
            'ECDHE-ECDSA-AES128-GCM-SHA256' => [$ecdsa, true],
            'ECDHE-ECDSA-CHACHA20-POLY1305' => [$ecdsa, true],
            'ECDHE-RSA-AES256-GCM-SHA384' => [$rsa, true],
            'ECDHE-RSA-AES128-GCM-SHA256' => [$rsa, true],
            'ECDHE-RSA-CHACHA20-POLY1305' => [$rsa, true],
            'ECDHE-ECDSA-AES128-SHA' => [$ecdsa, false],
            'ECDHE-ECDSA-AES256-SHA384' => [$ecdsa, false],
            'ECDHE-ECDSA-AES128-CCM' => [$ecdsa, false],
            'ECDHE-RSA-AES128-SHA256' => [$rsa, false],
            'AES128-GCM-SHA256' => [$rsa, false],
            'AES256-SHA' => [$rsa, false],
        ];
        foreach ($suites as $suite => [$own, $isAgreed]) {
            [$transport, $listener] = self::served($own + ['maximum' => '1.2', 'ciphers' => $suite]);
            $outcome = self::call(self::request($listener), $transport);
            self::assertSame($isAgreed ? '200' : 'tls.handshake_failed no', $outcome->brief(), $suite);
            self::assertSame((int) $isAgreed, self::requests($listener), $suite);
        }
    }

    /**
     * OpenSSL's system-wide settings do not change this either.
     *
     * @group own-network
     */
    public function testKeysThatAreTooShort(): void
    {
        $short = self::$tls->issue('short', ['DNS:short.example'], key: ['-newkey', 'rsa:1024', '-nodes']);
        $weak = self::$tls->issue('weak', ['DNS:weak.example'], digest: 'sha1');
        $listen = static fn (string $address, array $tls): array => [
            'address' => $address,
            'port' => 443,
            'tls' => $tls + ['ciphers' => 'DEFAULT'],
            'answer' => [FaultServer::answer()],
        ];
        $lax = "openssl_conf=own\n[own]\nssl_conf=ssl\n[ssl]\nsystem_default=lax\n[lax]\nCipherString=DEFAULT:@SECLEVEL=0\n";
        $answer = OwnNetwork::run(
            self::$directory,
            [
                'addresses' => ['93.184.216.34', '93.184.216.35'],
                'hosts' => "93.184.216.34 short.example\n93.184.216.35 weak.example\n",
                'listen' => ['short' => $listen('93.184.216.34', $short), 'weak' => $listen('93.184.216.35', $weak)],
                'transport' => static::transportName(),
                'config' => ['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]],
            ],
            [self::request(baseUrl: 'https://short.example'), self::request(baseUrl: 'https://weak.example')],
            ['OPENSSL_CONF' => self::$directory->write('lax-keys.cnf', $lax)],
        );

        $refused = 'tls.certificate_invalid no';
        self::assertSame([$refused, $refused], array_column($answer['outcomes'], 'brief'));
        self::assertSame(['short' => [], 'weak' => []], $answer['targets']);
    }

    public function testGroupsOfTheKeyExchange(): void
    {
        $own = ['certificate' => self::$tls->certificate, 'key' => self::$tls->key];
        foreach (['1.2', '1.3'] as $version) {
            foreach (['prime256v1' => true, 'secp384r1' => true, 'secp521r1' => false] as $group => $isAgreed) {
                [$transport, $listener] = self::served($own + ['minimum' => $version, 'maximum' => $version, 'group' => $group]);
                $outcome = self::call(self::request($listener), $transport);
                $isAgreed = $isAgreed || self::deviates('key-exchange');
                self::assertSame($isAgreed ? '200' : 'tls.handshake_failed no', $outcome->brief(), $version . $group);
            }
        }
    }

    public function testAnAddressIsAName(): void
    {
        self::$server->answers('tls', [FaultServer::answer()]);

        self::assertSame('200', self::call(self::request(baseUrl: self::url('tls', '127.0.0.1')))->brief());
    }

    public function testPlainHttpHasNoTlsVersion(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);

        self::assertNull(self::call(self::request())->audit['tls_version']);
    }

    public function testVersionsOfHttp(): void
    {
        self::$server->answers('h2', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer()]);
        $only = static fn (string $version): TransportInterface => self::make(['http_versions' => [$version]]);

        self::assertSame('1.1', self::call(self::request('h2'), $only('1.1'))->httpVersion);
        self::assertSame(static::httpVersion('h2'), self::call(self::request('h2'))->httpVersion);
        self::assertSame('1.1', self::call(self::request('tls'))->httpVersion);
        self::$server->answers('tls', [FaultServer::answer()]);
        $outcome = self::call(self::request('tls'), $only('2'));
        if (self::deviates('http2-only')) {
            self::assertFailed('configuration.invalid', 'no', $outcome);
        } else {
            self::assertFailed('tls.handshake_failed', 'no', $outcome);
            self::assertSame('2', self::call(self::request('h2'), $only('2'))->httpVersion);
        }
        self::assertSame(0, self::requests('tls'));
    }

    public function testAPolicyNarrowsTheVersionsOfHttp(): void
    {
        self::$server->answers('h2', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer()]);
        $transport = self::make(['http_versions' => ['3', '2', '1.1']]);
        $call = static fn (string $listener, ?array $versions, ?TransportInterface $by = null): Outcome
            => self::call(self::request($listener, policy: self::policy(httpVersions: $versions)), $by ?? $transport);
        foreach ([[null, static::httpVersion('h2')], [['1.1'], '1.1'], [['3', '1.1'], '1.1'], [null, static::httpVersion('h2')]] as $case) {
            self::assertSame($case[1], $call('h2', $case[0])->httpVersion, json_encode($case, JSON_THROW_ON_ERROR));
        }
        self::redirecting(307, ['/v1/to'], 'h2');
        $policy = self::policy(maxRedirects: 1, httpVersions: ['1.1']);
        self::assertSame('1.1', self::call(self::following('POST', 'h2', policy: $policy), $transport)->httpVersion);
        self::assertSame(2, self::requests('h2'));

        // HTTP/2 alone is insisted on.
        self::$server->answers('h2', [FaultServer::answer()]);
        $outcome = $call('tls', ['2']);
        if (self::deviates('http2-only')) {
            self::assertFailed('configuration.transport_unavailable', 'no', $outcome);
        } else {
            self::assertFailed('tls.handshake_failed', 'no', $outcome);
            self::assertSame('2', $call('h2', ['2'])->httpVersion);
        }
        self::assertSame(0, self::requests('tls'));

        $only = self::make(['http_versions' => ['1.1']]);
        self::assertSame('1.1', $call('h2', ['2', '1.1'], $only)->httpVersion);
        self::assertFailed('invalid_request.malformed', 'no', $call('h2', ['2'], $only));
    }

    public function testAServerThatWantsACertificateOfTheClient(): void
    {
        $own = ['certificate' => self::$tls->certificate, 'key' => self::$tls->key, 'client_ca' => self::$tls->authority];
        foreach (['1.2' => ['no'], '1.3' => ['no', 'maybe']] as $version => $sent) {
            [$transport, $listener] = self::served($own + ['minimum' => $version, 'maximum' => $version]);
            $outcome = self::call(self::request($listener), $transport);

            // In TLS 1.3 the client may have sent the request before the server's alert arrives.
            self::assertSame('tls.handshake_failed', $outcome->code, $outcome->message());
            self::assertContains($outcome->sent, $sent);
            self::assertSame(0, self::requests($listener));
        }
    }

    public function testRootsOfTheSystemDoNotTrustTheTestAuthority(): void
    {
        self::$server->answers('tls', [FaultServer::answer()]);
        putenv('SSL_CERT_FILE=' . self::$tls->authority);
        $system = self::call(self::request('tls'), self::make(['tls' => ['roots' => 'system']]));
        $both = ['roots' => 'system+file', 'ca_file' => self::$tls->authority];
        $both = self::call(self::request('tls'), self::make(['tls' => $both]));
        putenv('SSL_CERT_FILE');

        self::assertFailed('tls.certificate_invalid', 'no', $system);
        self::assertSame('200', $both->brief());
    }

    public function testRevokedCertificates(): void
    {
        $good = self::$tls->issue('good', ['DNS:localhost']);
        $bad = self::$tls->issue('bad', ['DNS:localhost']);
        $foreign = new Certificates(self::$directory, 'issuer');
        $lists = self::$tls->revoke('lists', [$bad['certificate']]);
        $roots = self::$directory->write('roots.pem', implode("\n", array_map(
            file_get_contents(...),
            [self::$tls->authority, $foreign->authority],
        )));
        $call = static function (array $files, ?string $lists) use ($roots): Outcome {
            [, $listener] = self::served($files);
            $tls = ['roots' => 'file', 'ca_file' => $roots] + ($lists === null ? [] : ['crl_file' => $lists]);
            return self::call(self::request($listener), self::make(['tls' => $tls]));
        };
        $other = ['certificate' => $foreign->certificate, 'key' => $foreign->key];

        self::assertSame('200', $call($good, $lists)->brief());
        self::assertFailed('tls.certificate_invalid', 'no', $call($bad, $lists));
        self::assertSame('200', $call($bad, null)->brief(), 'nobody says so');
        $unlisted = $call($other, $lists);
        if (self::deviates('revocation-lists')) {
            self::assertFailed('tls.certificate_invalid', 'no', $unlisted);
        } else {
            self::assertSame('200', $unlisted->brief(), 'no list of its issuer');
        }
    }

    public function testRevocationListsThatAreNone(): void
    {
        $root = (string) file_get_contents(self::$tls->authority);
        foreach (['', $root] as $content) {
            $tls = ['roots' => 'file', 'ca_file' => self::$tls->authority];
            $tls['crl_file'] = self::$directory->write('no-lists.pem', $content);
            $outcome = self::call(self::request('tls'), self::make(['tls' => $tls]));
            self::assertFailed('configuration.invalid', 'no', $outcome);
        }
        $missing = ['roots' => 'system', 'crl_file' => self::$directory->path . '/nothing.pem'];
        $outcome = self::call(self::request('tls'), self::make(['tls' => $missing]));
        self::assertFailed('configuration.invalid', 'no', $outcome);
    }

    /**
     * A new listener that responds to every request, and a transport that is allowed to connect to it.
     *
     * @param array<string, mixed> $tls the argument $tls of FaultServer::listen()
     * @return array{TransportInterface, string}
     */
    private static function served(array $tls): array
    {
        $name = 'tls-' . bin2hex(random_bytes(4));
        self::$server->listen($name, $tls);
        self::$server->answers($name, [FaultServer::answer()]);
        return [self::make(), $name];
    }

    /**
     * @return array{certificate: string, key: string}
     */
    private static function foreign(): array
    {
        $foreign = new Certificates(self::$directory, 'foreign');
        return ['certificate' => $foreign->certificate, 'key' => $foreign->key];
    }
}
