<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Transport\Php\Envelope\Aead;
use Netresearch\NrVault\Transport\Php\Envelope\Algorithm;
use Netresearch\NrVault\Transport\Php\Envelope\EnvelopeOpener;
use Netresearch\NrVault\Transport\Php\Keys\Keyring;
use Netresearch\NrVault\Transport\Secret\Secret;
use PHPUnit\Framework\TestCase;

/**
 * Envelopes have the results that libsodium and OpenSSL give.
 */
final class EnvelopeOpenerTest extends TestCase
{
    private const VECTORS = __DIR__ . '/../../../../tests/vectors/envelopes.json';

    public function testEveryVectorHasItsVerdict(): void
    {
        $opener = new EnvelopeOpener();
        foreach (self::vectors() as $name => $case) {
            self::assertSame($case['expected'], self::outcome($opener, $case), $name);
        }
    }

    public function testOpenSslOpensAes256GcmAsSodiumDoes(): void
    {
        $aead = new Aead([Aead::OPENSSL]);
        self::assertSame(Aead::OPENSSL, $aead->extensionFor(Algorithm::Aes256Gcm));
        $opened = 0;
        foreach (self::vectors() as $name => $case) {
            $outcome = self::outcome(new EnvelopeOpener($aead), $case);
            if ($outcome !== 'credential.unsupported') {
                self::assertSame($case['expected'], $outcome, $name);
                $opened += (int) str_starts_with($outcome, '=');
            }
        }
        self::assertGreaterThan(10, $opened);
    }

    public function testSodiumIsTakenWhereTheProcessorHasAes(): void
    {
        $expected = sodium_crypto_aead_aes256gcm_is_available() ? Aead::SODIUM : Aead::OPENSSL;
        self::assertSame($expected, (new Aead())->extensionFor(Algorithm::Aes256Gcm));
        self::assertSame(Aead::SODIUM, (new Aead())->extensionFor(Algorithm::XChaCha20Poly1305));
    }

    public function testWithoutTheExtensionASoundEnvelopeIsUnsupported(): void
    {
        $opener = new EnvelopeOpener(new Aead([]));
        foreach (self::vectors() as $name => $case) {
            $isSound = in_array($case['expected'][0], ['='], true)
                || $case['expected'] === 'credential.authentication_failed';
            $expected = $isSound ? 'credential.unsupported' : $case['expected'];
            self::assertSame($expected, self::outcome($opener, $case), $name);
        }
    }

    public function testKeysAreTriedInOrder(): void
    {
        $keys = static fn (string ...$bytes): array => array_map(
            static fn (string $byte): Secret => new Secret(str_repeat($byte, 32)),
            $bytes,
        );
        foreach ([Sealer::XCHACHA20, Sealer::AES_GCM] as $algorithm) {
            $sealed = (new Sealer(str_repeat("\x01", 32), $algorithm))->seal('my_api_key', 's3cr3t');
            $case = ['sealed' => $sealed, 'identifier' => 'my_api_key'];
            foreach ([new Aead(), new Aead([Aead::SODIUM, Aead::OPENSSL])] as $aead) {
                $opener = new EnvelopeOpener($aead);
                self::assertSame('=s3cr3t', self::outcome($opener, $case + ['keys' => $keys("\x09", "\x01")]));
                self::assertSame(
                    'credential.authentication_failed',
                    self::outcome($opener, $case + ['keys' => $keys("\x09")]),
                );
                self::assertSame('credential.key_unavailable', self::outcome($opener, $case + ['keys' => []]));
            }
        }
    }

    public function testDerivedKeysOpenWhatTheStatedKeysSeal(): void
    {
        $derived = self::document()['master_keys'];
        self::assertNotEmpty($derived);
        foreach ($derived as ['encryption_key' => $text, 'master_key_base64' => $stated]) {
            $sealed = (new Sealer(base64_decode($stated, true)))->seal('my_api_key', 's3cr3t');
            $keys = Keyring::open([['provider' => 'typo3', 'encryption_key' => $text]])->keys();
            $case = ['sealed' => $sealed, 'identifier' => 'my_api_key', 'keys' => $keys];
            self::assertSame('=s3cr3t', self::outcome(new EnvelopeOpener(), $case));
        }
    }

    public function testFieldsHaveTheLibrarysForm(): void
    {
        $fields = (new Sealer(str_repeat("\x01", 32)))->fields(
            'my_api_key',
            's3cr3t',
            str_repeat("\x02", 32),
            str_repeat("\x03", 24),
            str_repeat("\x04", 24),
        );
        $json = substr((string) json_encode($fields), 0, -1);
        foreach (
            [
                '"x":[[[[[[1]]]]]]' => '=s3cr3t',
                '"x":[[[[[[[]]]]]]]' => 'credential.malformed',
                '"x":{"\ud83d\ude00":"\ud83d\ude00"}' => '=s3cr3t',
                '"x":{"\ud83d":1}' => 'credential.malformed',
                '"x":["\ude00"]' => 'credential.malformed',
                '"x":1e999' => 'credential.malformed',
                '"x":-0' => '=s3cr3t',
                '"encryption_version":-0' => 'credential.malformed',
                '"encryption_version":9223372036854775808' => 'credential.malformed',
                '"encryption_version":9223372036854775807' => 'credential.unsupported',
                '"encryption_version":2.0' => 'credential.malformed',
                '"encryption_version":1' => '=s3cr3t',
                '"value_checksum":null' => '=s3cr3t',
                '"value_checksum":[]' => 'credential.malformed',
                '"dek_nonce":null' => 'credential.malformed',
                '"dek_nonce":"AAAA"' => 'credential.malformed',
                '"value_nonce":"AAAA"' => 'credential.malformed',
                '"encryption_version":1,"value_nonce":"AAAAAAAAAAAAAAAA"' => 'credential.malformed',
                '"encryption_version":1,"dek_nonce":"AAAAAAAAAAAAAAAA"' => 'credential.malformed',
                '"encrypted_dek":"AAAA"' => 'credential.malformed',
                '"encrypted_value":"AAAA"' => 'credential.malformed',
            ] as $member => $expected
        ) {
            $case = [
                'sealed' => 'nrv1:' . base64_encode($json . ',' . $member . '}'),
                'identifier' => 'my_api_key',
                'keys' => [new Secret(str_repeat("\x01", 32))],
            ];
            self::assertSame($expected, self::outcome(new EnvelopeOpener(), $case), $member);
        }
    }

    /**
     * @return array<string, mixed>
     */
    private static function document(): array
    {
        return json_decode((string) file_get_contents(self::VECTORS), true, 512, JSON_THROW_ON_ERROR);
    }

    /**
     * @return array<string, array{sealed: string, identifier: string, expected: string, keys: list<Secret>}>
     */
    private static function vectors(): array
    {
        $document = self::document();
        self::assertCount(122, $document['cases']);
        $cases = [];
        foreach ($document['cases'] as $case) {
            $cases[$case['name']] = [
                'expected' => $case['error'] ?? '=' . base64_decode($case['plaintext_base64'], true),
                'keys' => [new Secret(base64_decode($document['master_key_base64'], true))],
            ] + $case;
        }
        self::assertCount(122, $cases, 'the names differ');
        return $cases;
    }

    /**
     * @param array{sealed: string, identifier: string, keys: list<Secret>} $case
     * @return string "=" and the plaintext, or the code
     */
    private static function outcome(EnvelopeOpener $opener, array $case): string
    {
        try {
            return '=' . $opener->open($case['sealed'], $case['identifier'], $case['keys'])->expose();
        } catch (OutboundException $refusal) {
            self::assertNull($refusal->getPrevious());
            return $refusal->errorCode();
        }
    }
}
