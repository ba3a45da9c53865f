<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\CredentialOpener;
use Netresearch\NrVault\Transport\Php\Keys\Keyring;

/**
 * Master keys as PHP reads them compared with the library: the same warnings, and the same envelopes can be opened.
 *
 * @group root
 */
final class PhpKeysTest extends IntegrationTestCase
{
    private const VARIABLE = 'SECURE_OUTBOUND_TEST_KEY_';

    private static TempDir $directory;

    public static function setUpBeforeClass(): void
    {
        parent::setUpBeforeClass();
        self::$directory = new TempDir('keys');
    }

    public static function tearDownAfterClass(): void
    {
        self::$directory->remove();
        parent::tearDownAfterClass();
    }

    public function testAFileIsReadAsByTheLibrary(): void
    {
        $codes = [];
        foreach (self::forms() as $number => [$contents, $key]) {
            $path = self::key('file-' . $number, $contents);
            $codes[] = self::assertAlike($key, ['provider' => 'file', 'path' => $path], 'file ' . $number);
        }
        self::assertOutcomes($codes);
    }

    public function testAVariableIsReadAsByTheLibrary(): void
    {
        $codes = [];
        foreach (self::forms() as $number => [$contents, $key]) {
            if (!str_contains($contents, "\0")) {
                // Each case has its own variable, because an engine reads a variable again only when its key opens nothing.
                $name = self::VARIABLE . $number;
                putenv($name . '=' . $contents);
                $codes[] = self::assertAlike($key, ['provider' => 'env', 'name' => $name], 'variable ' . $number);
                putenv($name);
            }
        }
        self::assertOutcomes($codes);
    }

    public function testMaterialIsReadAsByTheLibrary(): void
    {
        $codes = [];
        foreach (self::forms() as $number => [$contents, $key]) {
            $codes[] = self::assertAlike($key, ['provider' => 'raw', 'key_base64' => $contents], 'raw ' . $number);
        }
        foreach ([str_repeat('a', 96), str_repeat('a', 32), str_repeat('ä', 16), str_repeat('a', 31), ''] as $text) {
            $key = hash_hkdf('sha256', $text . ' ', 32);
            if (strlen($text) >= 32) {
                $key = hash_hkdf('sha256', $text, 32, 'nr-vault-master-key');
            }
            $codes[] = self::assertAlike($key, ['provider' => 'typo3', 'encryption_key' => $text], 'typo3 ' . $text);
        }
        self::assertOutcomes($codes, 'configuration.invalid');
    }

    public function testEntriesAreRefusedAsByTheLibrary(): void
    {
        $raw = ['provider' => 'raw', 'key_base64' => base64_encode(str_repeat('k', 32))];
        $entries = [
            [[]],
            [['id' => '']],
            [['id' => 7] + $raw],
            [['id' => null] + $raw],
            [['id' => uniqid('unknown')]],
            [['id' => uniqid('a')] + $raw, ['id' => uniqid('b')] + $raw],
            [['id' => 'twice'] + $raw, ['id' => 'twice'] + $raw],
            [$raw, $raw],
            [['path' => null] + $raw],
            [['path' => '/x'] + $raw],
            [['mode' => 384] + $raw],
            [['provider' => 'raw']],
            [['provider' => 'RAW'] + $raw],
            [['provider' => null] + $raw],
            [['provider' => 'vault', 'path' => '/x']],
            [['provider' => 'file']],
            [['provider' => 'file', 'path' => 7]],
            [['provider' => 'file', 'path' => "/\xFF"]],
            [['provider' => 'file', 'path' => '/x', 'name' => 'X']],
            [['provider' => 'env', 'name' => '']],
            [['provider' => 'env', 'name' => 'A=B']],
            [['provider' => 'env', 'name' => "A\0B"]],
            [['provider' => 'typo3', 'key_base64' => $raw['key_base64']]],
            [['provider' => 'raw', 'key_base64' => "AAAA\xFF"]],
            [['id' => 'x', 'path' => '/x']],
            ['raw'],
            [null],
            ['a' => $raw],
        ];
        $codes = [];
        foreach ($entries as $number => $keys) {
            $expected = self::outcome(static fn (): array => self::transport(['master_keys' => $keys])->open());
            $actual = self::outcome(static fn (): array => Keyring::open($keys)->warnings());
            self::assertSame($expected, $actual, 'entry ' . $number);
            $codes[] = is_string($expected) ? $expected : 'open';
        }
        self::assertOutcomes($codes, 'configuration.invalid', 'credential.key_unavailable', 'open');
    }

    public function testCarelessFilesAreWarnedOfAsByTheLibrary(): void
    {
        $key = base64_encode(str_repeat('k', 32));
        $modes = array_map(
            static fn (int $mode): string => self::key(sprintf('mode-%o', $mode), $key, $mode),
            [0400, 0600, 0440, 0604, 0620, 0700, 0711],
        );
        $target = self::key('target', $key);
        symlink($target, self::$directory->path . '/link');
        symlink(self::$directory->path . '/nowhere', self::$directory->path . '/dangling');
        posix_mkfifo(self::$directory->path . '/pipe', 0600);
        foreach (
            [
                ...$modes,
                self::key('text', 'no key'),
                self::key('open-text', 'no key', 0644),
                self::$directory->path . '/link',
                self::$directory->path . '/dangling',
                self::$directory->path . '/pipe',
                self::$directory->path . '/missing',
                self::$directory->path . '/missing/missing',
                $target . '/below-a-file',
                self::$directory->path,
                self::$directory->path . '/.',
                '',
                'php://input',
                'data:text/plain,' . $key,
                "/tmp/\0",
                '/dev/null',
            ] as $path
        ) {
            $keys = [['provider' => 'env', 'name' => 'UNSET'], ['provider' => 'file', 'path' => $path]];
            $warnings = self::transport(['master_keys' => $keys])->open();
            self::assertEquals($warnings, Keyring::open($keys)->warnings(), $path);
            self::assertSame('key_variable.missing', $warnings[0]['code']);
        }
    }

    public function testAChangedFileCountsAtTheNextCall(): void
    {
        $path = self::key('changing', base64_encode(str_repeat("\x01", 32)));
        $opener = new CredentialOpener(Keyring::open([['provider' => 'file', 'path' => $path]]));
        $stat = stat($path);
        self::assertSame([true, false], [self::opens($opener, "\x01"), self::opens($opener, "\x02")]);

        // The file is overwritten and has its old time again, so its metadata does not show the change.
        file_put_contents($path, base64_encode(str_repeat("\x02", 32)));
        touch($path, $stat['mtime']);
        self::assertSame([false, true], [self::opens($opener, "\x01"), self::opens($opener, "\x02")]);

        unlink($path);
        $this->expectExceptionMessage('credential.key_unavailable');
        self::opens($opener, "\x02");
    }

    public function testSeveralKeysAreTriedInOrder(): void
    {
        $raw = static fn (string $byte): array => [
            'provider' => 'raw',
            'key_base64' => base64_encode(str_repeat($byte, 32)),
        ];
        $missing = ['provider' => 'file', 'path' => self::$directory->path . '/missing'];
        $opener = new CredentialOpener(Keyring::open([$raw("\x01"), $missing, $raw("\x02")]));

        self::assertTrue(self::opens($opener, "\x01"));
        self::assertTrue(self::opens($opener, "\x02"));
        self::assertFalse(self::opens($opener, "\x03"));
    }

    public function testAClosureGivesTheRestOfAnEntry(): void
    {
        $calls = 0;
        $rest = ['provider' => 'raw', 'key_base64' => base64_encode(str_repeat("\x01", 32))];
        $material = static function () use (&$calls, $rest): array {
            $calls++;
            return $rest;
        };
        $opener = new CredentialOpener(Keyring::open([['id' => 'a', 'material' => $material]]));
        self::assertTrue(self::opens($opener, "\x01"));
        self::assertTrue(self::opens($opener, "\x01"));
        self::assertSame(1, $calls);

        $nothing = static fn (): string => self::CANARY;
        foreach ([['material' => $nothing], ['material' => self::CANARY] + $rest] as $entry) {
            $expected = self::outcome(static fn (): array => self::transport(['master_keys' => [$entry]])->open());
            self::assertSame('configuration.invalid', $expected);
            self::assertSame($expected, self::outcome(static fn (): array => Keyring::open([$entry])->warnings()));
        }
    }

    /**
     * Contents that a reader might take for a key, and the key that it would read.
     *
     * @return list<array{string, string}>
     */
    private static function forms(): array
    {
        $key = implode('', array_map(chr(...), range(1, 32)));
        $text = base64_encode($key);
        $raw = '0123456789abcdef0123456789abcdef';
        $blankEnds = ' ' . str_repeat('x', 30) . "\n";
        return [
            [$text, $key],
            ["\t " . $text . "\r\n\x0B", $key],
            ["\0" . $text . "\0", $key],
            [$text . "\n", $key],
            [chunk_split($text, 8, "\n"), $key],
            [rtrim($text, '='), $key],
            [$text . '=', $key],
            [strtr($text, '+/', '-_'), $key],
            [$key, $key],
            [$key . "\n", $key],
            [$raw, $raw],
            [$raw . "\n", $raw],
            [$blankEnds, $blankEnds],
            [str_repeat('00', 32), str_repeat("\0", 32)],
            [$text . str_repeat(' ', 4096 - strlen($text)), $key],
            [$text . str_repeat(' ', 4097 - strlen($text)), $key],
            [substr($raw, 1), $raw],
            ['', $key],
            ["\n", $key],
            ['%', $key],
            [base64_encode($key . 'x'), $key],
        ];
    }

    /**
     * Asserts that PHP and the library give the same warnings, and the same outcome for an envelope under the key.
     *
     * @return string the outcome: "open", or the code of the refusal
     */
    private static function assertAlike(
        #[\SensitiveParameter] string $key,
        #[\SensitiveParameter] array $entry,
        string $case,
    ): string {
        $sealed = (new Sealer($key))->seal('my_api_key', '{"token":"' . self::CANARY . '"}');
        $credential = (new CredentialReference('my_api_key', 'bearer'))->seal($sealed);
        $transport = self::transport(['master_keys' => [$entry]]);
        $expected = self::outcome(static fn (): array => $transport->open());
        $actual = self::outcome(static fn (): array => Keyring::open([$entry])->warnings());
        self::assertSame($expected, $actual, $case . ', warnings');
        if (is_string($expected)) {
            return $expected;
        }
        $expected = self::outcome(static function () use ($transport, $credential): array {
            $transport->send(self::request(credentials: [$credential]));
            return [];
        });
        $opener = new CredentialOpener(Keyring::open([$entry]));
        $actual = self::outcome(static fn (): array => array_slice($opener->open([$credential]), 1));
        self::assertSame($expected, $actual, $case);
        return is_string($expected) ? $expected : 'open';
    }

    /**
     * The code of the refusal, or the return value.
     *
     * @param \Closure(): array<mixed> $do
     * @return string|array<mixed>
     */
    private static function outcome(#[\SensitiveParameter] \Closure $do): string|array
    {
        try {
            return $do();
        } catch (OutboundException $refusal) {
            self::assertShowsNoSecret($refusal);
            return $refusal->errorCode();
        }
    }

    /**
     * Asserts that the outcomes are "open" and these codes, each at least once, and no other.
     *
     * @param list<string> $codes
     */
    private static function assertOutcomes(array $codes, string ...$more): void
    {
        $more = $more ?: ['credential.key_unavailable'];
        self::assertEqualsCanonicalizing(array_unique(['open', ...$more]), array_values(array_unique($codes)));
    }

    private static function key(string $name, #[\SensitiveParameter] string $contents, int $mode = 0400): string
    {
        return self::$directory->write($name, $contents, $mode);
    }

    /** Whether $opener opens an envelope under the key that consists of this byte only. */
    private static function opens(CredentialOpener $opener, string $byte): bool
    {
        $sealed = (new Sealer(str_repeat($byte, 32)))->seal('my_api_key', '{"token":"' . self::CANARY . '"}');
        try {
            return $opener->open([(new CredentialReference('my_api_key', 'bearer'))->seal($sealed)]) !== [];
        } catch (OutboundException $refusal) {
            if ($refusal->errorCode() !== 'credential.authentication_failed') {
                throw $refusal;
            }
            return false;
        }
    }
}
