<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Credential;

use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\CredentialUnavailable;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\CredentialReference;
use PHPUnit\Framework\TestCase;

final class ProviderTest extends TestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('envelopes');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testAnArrayGivesTheEnvelope(): void
    {
        $provider = new ArrayCredentialProvider(['my_key' => 'nrv1:AA==']);

        self::assertSame('nrv1:AA==', $provider->fetch(new CredentialReference('vault:my_key', 'basic'))->sealed);
        self::assertRefused('credential.not_found', $provider, 'other', 'there is no envelope for the credential "other"');
        self::assertStringNotContainsString('nrv1:', print_r($provider, true));
    }

    public function testADirectoryGivesTheEnvelope(): void
    {
        $this->directory->write('01937b6e-4b6c-7abc-8def-0123456789ab', "nrv1:AA==\n");
        $this->directory->write('empty', "\n");
        $this->directory->write('large', str_repeat('x', 1048577));
        $provider = new DirectoryCredentialProvider($this->directory->path);
        $reference = new CredentialReference('vault:01937b6e-4b6c-7abc-8def-0123456789ab', 'bearer');

        self::assertSame('nrv1:AA==', $provider->fetch($reference)->sealed);
        $file = fn (string $name, string $what): string
            => 'the file of the credential "' . $name . '" ' . $what . ': ' . $this->directory->path . '/' . $name;
        self::assertRefused('credential.not_found', $provider, 'other', $file('other', 'does not exist'));
        self::assertRefused('credential.malformed', $provider, 'empty');
        self::assertRefused('credential.malformed', $provider, 'large', $file('large', 'is larger than 1 MiB'));
    }

    public function testNoIdentifierLeadsOutOfTheDirectory(): void
    {
        $outside = $this->directory->write('outside', 'nrv1:AA==');
        $this->directory->write('in/sub/deep', 'nrv1:AA==');
        $this->directory->write('in/.hidden', 'nrv1:AA==');
        symlink($outside, $this->directory->path . '/in/link');
        symlink('sub/deep', $this->directory->path . '/in/inner');
        $provider = new DirectoryCredentialProvider($this->directory->path . '/in');

        foreach (['../outside', '..', '.', 'sub/deep', 'sub', $outside, '.hidden', 'a b', '%2e%2e'] as $identifier) {
            $why = $identifier === 'sub' ? 'does not exist' : 'is no plain name of a file';
            self::assertRefused('credential.not_found', $provider, $identifier, '"' . $identifier . '" ' . $why);
        }
        self::assertRefused('credential.access_denied', $provider, 'link', 'credential "link" is a link that leads out');
        self::assertSame('nrv1:AA==', $provider->fetch(new CredentialReference('inner', 'bearer'))->sealed);
    }

    /**
     * PHP remembers where links lead. Other processes change them, which clears nothing in this one.
     */
    public function testWhatHasTheNameNowIsRead(): void
    {
        $outside = $this->directory->write('outside', 'nrv1:OUTSIDE=');
        $this->directory->write('one/key', 'nrv1:ONE=');
        $this->directory->write('two/key', 'nrv1:TWO=');
        symlink('one', $this->directory->path . '/now');
        $link = new DirectoryCredentialProvider($this->directory->path . '/now');
        $plain = new DirectoryCredentialProvider($this->directory->path . '/one');
        $envelope = static fn (CredentialProvider $of): string => $of->fetch(new CredentialReference('key', 'bearer'))->sealed;

        self::assertSame(['nrv1:ONE=', 'nrv1:ONE='], [$envelope($link), $envelope($plain)]);
        $this->shell('ln -sfn two now');
        self::assertSame('nrv1:TWO=', $envelope($link));
        $this->shell('mv one old && ln -s two one');
        self::assertSame('nrv1:TWO=', $envelope($plain));
        $this->shell('rm one && mv old one && ln -sf ' . $outside . ' one/key');
        self::assertRefused('credential.access_denied', $plain, 'key', 'is a link that leads out');
        $this->shell('rm one/key && mkfifo one/key');
        self::assertRefused('credential.not_found', $plain, 'key');
        $this->shell('rm one/key && echo nrv1:AGAIN= > one/key');
        self::assertSame('nrv1:AGAIN=', $envelope($plain));
    }

    public function testAnEnvelopeOfAnySizeIsRead(): void
    {
        $provider = new DirectoryCredentialProvider($this->directory->path);
        foreach ([6, 8191, 8192, 8193, 8194, 16384, 1048576] as $size) {
            $envelope = str_pad('nrv1:', $size, 'ab');
            $this->directory->write('key', $envelope);
            self::assertSame($envelope, $provider->fetch(new CredentialReference('key', 'bearer'))->sealed);
        }
    }

    private function shell(string $commands): void
    {
        $result = Process::run(['sh', '-ec', 'cd ' . escapeshellarg($this->directory->path) . ' && ' . $commands]);
        self::assertSame(0, $result['code'], $result['output']);
    }

    public function testADirectoryThatIsNotThereHasNothing(): void
    {
        $provider = new DirectoryCredentialProvider($this->directory->path . '/none');

        self::assertRefused('credential.not_found', $provider, 'a');
    }

    private static function assertRefused(
        string $code,
        CredentialProvider $provider,
        string $identifier,
        string $message = '',
    ): void {
        try {
            $provider->fetch(new CredentialReference($identifier, 'bearer'));
            self::fail('There is an envelope for ' . $identifier);
        } catch (CredentialUnavailable $refusal) {
            self::assertSame($code, $refusal->errorCode());
            self::assertStringContainsString($message, $refusal->getMessage());
            self::assertNull($refusal->getPrevious());
        }
    }
}
