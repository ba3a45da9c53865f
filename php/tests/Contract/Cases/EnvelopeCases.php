<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * Envelopes and master keys, each in a call that is sent.
 */
trait EnvelopeCases
{
    /** The message names only the class of what the host's closure threw: its own message may hold a secret. */
    public function testAKeysClosureThatThrows(): void
    {
        $keys = [['id' => 'contract-' . bin2hex(random_bytes(4)), 'material' => static fn (): array => throw new \DomainException(
            self::CANARY,
        )]];
        $outcome = self::call(self::request(), self::make(['master_keys' => $keys]));
        if (self::deviates('material')) {
            self::assertFailed('configuration.invalid', 'no', $outcome);
            return;
        }
        self::assertFailed('internal.part_failed', 'no', $outcome);
        self::assertStringStartsWith('the closure of a master key threw DomainException', $outcome->message());
    }

    /**
     * @dataProvider envelopes
     */
    public function testEnvelope(int $index): void
    {
        $vectors = self::envelopeVectors();
        $case = $vectors['cases'][$index];
        self::$server->answers('plain', [FaultServer::answer()]);
        // A form field can hold every byte, so every secret of the vectors can be sent.
        $outcome = self::call(self::request(
            headers: [['content-type', 'application/x-www-form-urlencoded']],
            credentials: [
                (new CredentialReference($case['identifier'], 'secret', Placement::bodyField('secret')))->seal($case['sealed']),
            ],
        ), self::vectorTransport());

        if (self::deviates('identifier') && preg_match('/^[\w.-]+\z/', $case['identifier']) !== 1) {
            self::assertFailed('credential.not_found', 'no', $outcome);
            return;
        }
        if ($case['error'] !== null) {
            self::assertFailed($case['error'], 'no', $outcome);
            self::assertSame(0, self::connections());
            return;
        }
        $plaintext = (string) base64_decode($case['plaintext_base64'], true);
        if (is_object(json_decode($plaintext))) {
            // The refusal shows that the envelope was opened: its content is a document of another type.
            self::assertFailed('credential.payload_invalid', 'no', $outcome);
            return;
        }
        self::assertSame('200', $outcome->brief(), $outcome->message());
        self::assertSame('secret=' . rawurlencode($plaintext), self::received()->body);
    }

    /**
     * @return iterable<string, array{int}>
     */
    public static function envelopes(): iterable
    {
        foreach (self::envelopeVectors()['cases'] as $index => $case) {
            yield $case['name'] => [$index];
        }
    }

    public function testAllEnvelopesAreThere(): void
    {
        self::assertCount(122, self::envelopeVectors()['cases']);
    }

    public function testKeysOfEveryProvider(): void
    {
        $raw = (string) base64_decode(self::masterKey(), true);
        $encryptionKey = str_repeat('0123456789abcdef', 3);
        putenv('SECURE_OUTBOUND_CONTRACT_KEY=' . self::masterKey());
        $file = static fn (string $name, string $bytes): array
            => ['provider' => 'file', 'path' => self::$directory->write($name, $bytes, 0400)];
        $keys = [
            'base64 in a file, with a line end' => $file('base64.key', self::masterKey() . "\n"),
            'bytes in a file' => $file('raw.key', $raw),
            'base64 in a variable' => ['provider' => 'env', 'name' => 'SECURE_OUTBOUND_CONTRACT_KEY'],
            'raw' => ['provider' => 'raw', 'key_base64' => self::masterKey()],
        ];
        foreach ($keys as $name => $key) {
            self::assertSame('200', $this->opened([$key])->brief(), $name);
        }
        $derived = hash_hkdf('sha256', $encryptionKey, 32, 'nr-vault-master-key');
        $typo3 = self::call(
            self::request(credentials: [(new CredentialReference('my_api_key', 'bearer'))->seal((new Sealer($derived))
                    ->seal('my_api_key', '{"token":"' . self::CANARY . '"}'))]),
            self::make(['master_keys' => [['provider' => 'typo3', 'encryption_key' => $encryptionKey]]]),
        );
        self::assertSame('200', $typo3->brief(), 'typo3');
        putenv('SECURE_OUTBOUND_CONTRACT_KEY');
    }

    public function testKeysOverlapDuringARotation(): void
    {
        $other = ['provider' => 'raw', 'key_base64' => base64_encode(random_bytes(32))];
        $own = ['provider' => 'raw', 'key_base64' => self::masterKey()];

        self::assertSame('200', $this->opened([$other, $own])->brief());
        self::assertSame('200', $this->opened([$own, $other])->brief());
        self::assertFailed('credential.authentication_failed', 'no', $this->opened([$other]));
    }

    public function testWithoutAKeyOnlyRequestsWithoutACredentialWork(): void
    {
        $transport = self::make(['master_keys' => []]);
        self::$server->answers('plain', [FaultServer::answer()]);

        self::assertSame('200', self::call(self::request(), $transport)->brief());
        self::assertFailed('credential.key_unavailable', 'no', $this->opened([]));
        $missing = ['provider' => 'file', 'path' => self::$directory->path . '/nothing.key'];
        self::assertFailed('credential.key_unavailable', 'no', $this->opened([$missing]));
        $unset = ['provider' => 'env', 'name' => 'SECURE_OUTBOUND_NO_SUCH_KEY'];
        self::assertFailed('credential.key_unavailable', 'no', $this->opened([$unset]));
    }

    public function testARewrittenKeyFileWorksAtTheNextCall(): void
    {
        $file = self::$directory->write('rotated.key', base64_encode(random_bytes(32)), 0600);
        $transport = self::make(['master_keys' => [['provider' => 'file', 'path' => $file]]]);
        $request = self::request(credentials: [self::bearer()]);
        self::$server->answers('plain', [FaultServer::answer()]);

        self::assertFailed('credential.authentication_failed', 'no', self::call($request, $transport));
        file_put_contents($file, self::masterKey());
        self::assertSame('200', self::call($request, $transport)->brief());
    }

    public function testMaterialIsAskedForAgainWhereNoKeyOpensAnEnvelope(): void
    {
        $key = base64_encode(random_bytes(32));
        $asked = 0;
        $keys = [['id' => 'contract-' . bin2hex(random_bytes(4)), 'material' => static function () use (&$key, &$asked): array {
            $asked++;
            return ['provider' => 'raw', 'key_base64' => $key];
        }]];
        $transport = self::make(['master_keys' => $keys]);
        if (self::deviates('material')) {
            self::assertFailed('configuration.invalid', 'no', self::call(self::request(), $transport));
            return;
        }
        $request = self::request(credentials: [self::bearer()]);
        self::$server->answers('plain', [FaultServer::answer()], [FaultServer::answer()]);
        $transport->open();
        self::assertSame(1, $asked);

        // The key is replaced after this process has read it.
        $key = self::masterKey();
        self::assertSame('200', self::call($request, $transport)->brief());
        self::assertSame('200', self::call($request, $transport)->brief());
        self::assertSame(2, $asked);
    }

    public function testMaterialThatCannotBeHadTakesNothingAway(): void
    {
        $asked = 0;
        $key = self::masterKey();
        $keys = [['id' => 'contract-' . bin2hex(random_bytes(4)), 'material' => static function () use ($key, &$asked): array {
            return $asked++ === 0 ? ['provider' => 'raw', 'key_base64' => $key] : throw new \RuntimeException('the provider is down');
        }]];
        $transport = self::make(['master_keys' => $keys]);
        if (self::deviates('material')) {
            self::assertFailed('configuration.invalid', 'no', self::call(self::request(), $transport));
            return;
        }
        self::$server->answers('plain', [FaultServer::answer()], [FaultServer::answer()]);
        $sound = self::request(credentials: [self::bearer()]);
        $foreign = self::request(credentials: [(new Sealer(random_bytes(32)))->credential('bearer', ['token' => 't'], null, 'my_api_key')]);

        self::assertSame('200', self::call($sound, $transport)->brief());
        self::assertFailed('internal.part_failed', 'no', self::call($foreign, $transport));
        self::assertSame('200', self::call($sound, $transport)->brief());
        self::assertSame(2, $asked);
    }

    public function testMaterialIsNotAskedForAtEachCallOfABrokenEnvelope(): void
    {
        $asked = 0;
        $keys = [['id' => 'contract-' . bin2hex(random_bytes(4)), 'material' => static function () use (&$asked): array {
            $asked++;
            return ['provider' => 'raw', 'key_base64' => base64_encode(random_bytes(32))];
        }]];
        $transport = self::make(['master_keys' => $keys]);
        if (self::deviates('material')) {
            self::assertFailed('configuration.invalid', 'no', self::call(self::request(), $transport));
            return;
        }
        $request = self::request(credentials: [self::bearer()]);

        foreach ([1, 2, 3] as $ignored) {
            self::assertFailed('credential.authentication_failed', 'no', self::call($request, $transport));
        }
        self::assertSame(2, $asked);
    }

    public function testMaterialBehindAClosureIsAskedForWhenItIsNeeded(): void
    {
        $key = self::masterKey();
        $keys = [['id' => 'contract-' . bin2hex(random_bytes(4)), 'material' => static fn (): array => [
            'provider' => 'raw',
            'key_base64' => $key,
        ]]];

        $expected = self::deviates('material') ? 'configuration.invalid no' : '200';
        self::assertSame($expected, $this->opened($keys)->brief());
    }

    /**
     * @param list<array<string, mixed>> $keys
     */
    private function opened(array $keys): Outcome
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        return self::call(self::request(credentials: [self::bearer()]), self::make(['master_keys' => $keys]));
    }

    /**
     * @return array{master_key_base64: string, cases: list<array<string, mixed>>}
     */
    private static function envelopeVectors(): array
    {
        static $vectors = null;
        return $vectors ??= Vectors::read('envelopes.json');
    }

    private static function vectorTransport(): TransportInterface
    {
        static $transports = [];
        $key = self::envelopeVectors()['master_key_base64'];
        return $transports[static::transportName()] ??= self::make(['master_keys' => [['provider' => 'raw', 'key_base64' => $key]]]);
    }
}
