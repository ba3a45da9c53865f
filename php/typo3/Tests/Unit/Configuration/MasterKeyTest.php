<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Configuration;

use Netresearch\NrSecureOutbound\Configuration\MasterKey;
use Netresearch\NrVault\Configuration\ExtensionConfigurationInterface;
use Netresearch\NrVault\Crypto\FileMasterKeyProvider;
use Netresearch\NrVault\Crypto\MasterKeyProviderInterface;
use Netresearch\NrVault\Exception\ConfigurationException;
use Netresearch\NrVault\Exception\MasterKeyException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Which file is read, and which message a missing key causes.
 */
final class MasterKeyTest extends TestCase
{
    #[Test]
    public function aProviderThatIsNotThereIsSaidInNrVaultsWords(): void
    {
        $key = new MasterKey($this->vault(), static fn (): MasterKeyProviderInterface => throw ConfigurationException::invalidProvider('kms'));

        $failure = self::failure($key);

        self::assertSame('credential.key_unavailable', $failure->errorCode());
        self::assertStringContainsString('kms', $failure->getMessage());
    }

    /**
     * A provider's message may contain what it was given, such as the response of a key server.
     */
    #[Test]
    public function anyOtherFailureIsNamedByItsClassAlone(): void
    {
        $key = new MasterKey($this->vault(), static fn (): MasterKeyProviderInterface => throw new MasterKeyException('token s3cr3t was refused'));

        $failure = self::failure($key);

        self::assertSame('credential.key_unavailable', $failure->errorCode());
        self::assertStringContainsString(MasterKeyException::class, $failure->getMessage());
        self::assertStringNotContainsString('s3cr3t', $failure->getMessage());
    }

    #[Test]
    public function aFileHasToBeNamed(): void
    {
        foreach (['', 'NR_VAULT_MASTER_KEY'] as $source) {
            $failure = self::failure($this->ofFile($source));
            self::assertSame('credential.key_unavailable', $failure->errorCode());
            self::assertStringContainsString('masterKeySource names none', $failure->getMessage());
        }
    }

    #[Test]
    public function theKeyOfADevelopmentSystemStandsInForAFileThatIsNotThere(): void
    {
        $there = (string) tempnam(sys_get_temp_dir(), 'key');
        $gone = '/nonexistent/vault.key';
        $paths = [
            $this->ofFile($there, $gone)->entry()['path'] ?? null,
            $this->ofFile($gone, $there)->entry()['path'] ?? null,
            $this->ofFile($gone, $gone)->entry()['path'] ?? null,
        ];
        unlink($there);

        self::assertSame([$there, $there, $gone], $paths);
    }

    private function ofFile(string $source, string $auto = '/nonexistent/auto.key'): MasterKey
    {
        $vault = $this->vault($source, $auto);
        return new MasterKey($vault, static fn (): MasterKeyProviderInterface => new FileMasterKeyProvider($vault));
    }

    private function vault(string $source = '', string $auto = ''): ExtensionConfigurationInterface
    {
        $vault = self::createStub(ExtensionConfigurationInterface::class);
        $vault->method('getMasterKeySource')->willReturn($source);
        $vault->method('getAutoKeyPath')->willReturn($auto);
        return $vault;
    }

    private static function failure(MasterKey $key): OutboundException
    {
        try {
            $key->entry();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('There is a key.');
    }
}
