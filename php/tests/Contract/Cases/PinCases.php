<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * A server's own certificate in ca_file: it is trusted, all other checks stay on, and it makes no other certificate trusted.
 */
trait PinCases
{
    public function testACertificateThatIsPinned(): void
    {
        $name = ['DNS:localhost'];
        $expired = ['-startdate', '20190101000000Z', '-enddate', '20200101000000Z'];
        $future = ['-startdate', '29980101000000Z', '-enddate', '29990101000000Z'];
        $certificates = [
            'as openssl req -x509 makes it' => [self::$tls->ownMade('own', $name), null],
            'an authority for servers' => [self::$tls->issue('pin-ca', $name, constraints: 'CA:TRUE'), null],
            'without its issuer' => [self::$tls->issue('pin-leaf', $name), null],
            'self-signed' => [self::$tls->issue('pin-self', $name, selfSigned: true), null],
            'self-signed, an authority' => [
                self::$tls->issue('pin-self-ca', $name, selfSigned: true, constraints: 'CA:TRUE'),
                null,
            ],
            'made by hand for another host' => [self::$tls->ownMade('foreign', ['DNS:example.com']), 'another name'],
            'an address for a name' => [self::$tls->ownMade('address-pin', ['IP:127.0.0.1']), 'another name'],
            'another host' => [self::$tls->issue('pin-host', ['DNS:example.com']), 'another name'],
            'expired' => [self::$tls->issue('pin-past', $name, $expired), 'expired'],
            'an expired authority' => [
                self::$tls->issue('pin-past-ca', $name, $expired, selfSigned: true, constraints: 'CA:TRUE'),
                'expired',
            ],
            'not yet valid' => [self::$tls->issue('pin-future', $name, $future), 'not valid yet'],
            'an authority that is not yet valid' => [
                self::$tls->issue('pin-future-ca', $name, $future, selfSigned: true, constraints: 'CA:TRUE'),
                'not valid yet',
            ],
            'for clients only' => [self::$tls->issue('pin-client', $name, usage: 'clientAuth'), 'is not valid: it is not meant for servers'],
            'an authority for clients only' => [
                self::$tls->issue('pin-client-ca', $name, usage: 'clientAuth', constraints: 'CA:TRUE'),
                'is not valid: it is not meant for servers',
            ],
            'a key for certificates only' => [
                self::$tls->issue('pin-signer', $name, constraints: 'CA:TRUE', more: "keyUsage=keyCertSign,cRLSign\n"),
                'is not valid: it is not meant for servers',
            ],
        ];
        foreach ($certificates as $what => [$files, $refusal]) {
            $outcome = self::callPinned($files, [$files['certificate']]);
            if ($refusal === null) {
                self::assertSame('200', $outcome->brief(), $what . ': ' . $outcome->message());
            } else {
                self::assertFailed('tls.certificate_invalid', 'no', $outcome, why: $what);
                self::assertStringContainsString($refusal, $outcome->message(), $what);
            }
        }
    }

    public function testACertificateThatIsNotPinnedSaysWhatMendsIt(): void
    {
        $pinned = self::$tls->ownMade('pinned', ['DNS:localhost']);
        foreach (
            [
                self::$tls->ownMade('unpinned', ['DNS:localhost']),
                // Another certificate for the same name.
                self::$tls->ownMade('pinned2', ['DNS:localhost']),
                self::$tls->issue('unpinned-leaf', ['DNS:localhost']),
            ] as $files
        ) {
            $outcome = self::callPinned($files, [$pinned['certificate']]);

            self::assertFailed('tls.certificate_invalid', 'no', $outcome);
            self::assertStringContainsString('tls.ca_file', $outcome->message());
        }
    }

    public function testAPinnedServerVouchesForNoOther(): void
    {
        $pin = self::$tls->issue('voucher', ['DNS:example.com']);
        $selfSigned = self::$tls->issue('voucher-self', ['DNS:example.com'], selfSigned: true);
        $plain = self::$tls->issue('voucher-v3', ['DNS:example.com'], more: "keyUsage=digitalSignature\n");
        foreach ([$pin, $selfSigned, $plain] as $number => $issuer) {
            $files = self::$tls->issue('vouched-' . $number, ['DNS:localhost'], issuer: $issuer);
            $chain = self::$directory->write('vouched-' . $number . '-chain.pem', implode("\n", array_map(
                file_get_contents(...),
                [$files['certificate'], $issuer['certificate']],
            )));
            $outcome = self::callPinned(['certificate' => $chain] + $files, [$issuer['certificate']]);

            self::assertFailed('tls.certificate_invalid', 'no', $outcome, why: (string) $number);
        }
    }

    public function testAnAuthorityThatIsTrustedForServersIsNoServer(): void
    {
        $files = self::$tls->issue('authority-server', ['DNS:localhost'], constraints: 'CA:TRUE');
        $outcome = self::callPinned($files, [self::$tls->authority]);

        if (self::deviates('authority-as-server')) {
            self::assertSame('200', $outcome->brief());
        } else {
            self::assertFailed('tls.certificate_invalid', 'no', $outcome);
            self::assertStringContainsString('tls.ca_file', $outcome->message());
        }
    }

    public function testACertificateOfTheFileWithALongSerialNumber(): void
    {
        $serial = ['-set_serial', '0x' . str_repeat('11', 24)];
        $files = self::$tls->ownMade('long-serial', ['DNS:localhost'], $serial);
        $outcome = self::callPinned($files, [$files['certificate']]);

        if (self::deviates('serial-number')) {
            self::assertSame('200', $outcome->brief());
        } else {
            self::assertFailed('configuration.invalid', 'no', $outcome);
            self::assertStringContainsString('tls.ca_file', $outcome->message());
        }
    }

    public function testAPinnedCertificateThatIsRevoked(): void
    {
        $good = self::$tls->issue('pin-good', ['DNS:localhost']);
        $bad = self::$tls->issue('pin-bad', ['DNS:localhost']);
        $lists = self::$tls->revoke('pin-lists', [$bad['certificate']]);

        self::assertSame('200', self::callPinned($bad, [$bad['certificate']])->brief(), 'nobody says so');
        self::assertFailed('tls.certificate_invalid', 'no', self::callPinned($bad, [$bad['certificate']], $lists));
        $listed = self::callPinned($good, [$good['certificate']], $lists);
        if (self::deviates('revocation-lists')) {
            self::assertFailed('tls.certificate_invalid', 'no', $listed);
        } else {
            self::assertSame('200', $listed->brief(), $listed->message());
        }
        $both = [self::$tls->authority, $bad['certificate']];
        self::assertFailed('tls.certificate_invalid', 'no', self::callPinned($bad, $both, $lists));
    }

    /**
     * A call to a server with the certificate in $files, by a transport whose ca_file holds the certificates in $pinned.
     *
     * @param array{certificate: string, key: string} $files
     * @param list<string> $pinned
     */
    private static function callPinned(array $files, array $pinned, ?string $lists = null): Outcome
    {
        $name = 'pin-' . bin2hex(random_bytes(4));
        self::$server->listen($name, $files + ['alpn' => ['http/1.1']]);
        self::$server->answers($name, [FaultServer::answer()]);
        $pem = implode("\n", array_map(file_get_contents(...), $pinned));
        $tls = ['roots' => 'file', 'ca_file' => self::$directory->write($name . '-pins.pem', $pem)];
        return self::call(
            self::request($name, headers: [['x-canary', self::CANARY]]),
            self::make(['tls' => $tls + ($lists === null ? [] : ['crl_file' => $lists])]),
        );
    }
}
