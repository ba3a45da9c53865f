<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Configuration;

use Netresearch\NrSecureOutbound\Configuration\MasterKey;
use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Crypto\EnvironmentMasterKeyProvider;
use Netresearch\NrVault\Crypto\FileMasterKeyProvider;
use Netresearch\NrVault\Crypto\MasterKeyProviderInterface;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use Symfony\Component\DependencyInjection\ContainerInterface;
use TYPO3\CMS\Core\Core\Environment;

/**
 * A secret that nr-vault has sealed under the key of each of its providers is opened by the library, and by PHP's transport.
 */
final class MasterKeyTest extends CallTestCase
{
    private const VARIABLE = 'NR_SECURE_OUTBOUND_TEST_KEY';

    protected function tearDown(): void
    {
        putenv(self::VARIABLE);
        // nr-vault caches the key in a static property.
        EnvironmentMasterKeyProvider::clearCachedKey();
        FileMasterKeyProvider::clearCachedKey();
        parent::tearDown();
    }

    /**
     * @return array<string, array{string, string}> provider of the key and transport
     */
    public static function providers(): array
    {
        $pairs = [];
        foreach (['typo3', 'file', 'env', 'other'] as $provider) {
            foreach (['rust', 'php'] as $transport) {
                $pairs["$provider, $transport"] = [$provider, $transport];
            }
        }
        return $pairs;
    }

    #[Test]
    #[DataProvider('providers')]
    public function whatNrVaultSealsIsOpened(string $provider, string $transport): void
    {
        $this->useProvider($provider);
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);

        self::assertSame('Bearer s3cr3t', self::authorization($this->call('crm')));
    }

    #[Test]
    public function aKeyThatOnlyPhpCanComeByCrossesOnce(): void
    {
        $provider = $this->useProvider('other');
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => 'rust']);
        $this->call('crm');
        self::assertInstanceOf(CountingKeyProvider::class, $provider);
        self::assertSame(1, $provider->crossed);

        foreach ([1, 2, 3] as $ignored) {
            self::assertSame('Bearer s3cr3t', self::authorization($this->call('crm')));
        }

        self::assertSame(1, $provider->crossed);
    }

    #[Test]
    public function anotherSiteAnotherKeyAndAnotherSettingHaveAnotherId(): void
    {
        $this->useProvider('other');
        $first = $this->get(MasterKey::class)->entry()['id'] ?? null;
        self::setting(['EXTENSIONS', 'nr_vault', 'masterKeySource'], 'elsewhere');
        $second = $this->get(MasterKey::class)->entry()['id'] ?? null;
        self::setting(['SYS', 'encryptionKey'], 'another-encryption-key-of-another-site-in-the-pool');
        $third = $this->get(MasterKey::class)->entry()['id'] ?? null;

        self::assertIsString($first);
        self::assertCount(3, array_unique([$first, $second, $third]));
    }

    /**
     * A copy of a site, database and settings included, on the same host.
     */
    #[Test]
    public function twoInstallationsWithOneEncryptionKeyHaveTwoIds(): void
    {
        $this->useProvider('other');
        $first = $this->get(MasterKey::class)->entry()['id'] ?? null;
        $initialize = static fn (string $project) => Environment::initialize(
            Environment::getContext(),
            Environment::isCli(),
            Environment::isComposerMode(),
            $project,
            Environment::getPublicPath(),
            Environment::getVarPath(),
            Environment::getConfigPath(),
            Environment::getCurrentScript(),
            Environment::isWindows() ? 'WINDOWS' : 'UNIX',
        );
        $project = Environment::getProjectPath();
        $initialize($project . '-copy');
        try {
            $second = $this->get(MasterKey::class)->entry()['id'] ?? null;
        } finally {
            $initialize($project);
        }

        self::assertIsString($first);
        self::assertIsString($second);
        self::assertNotSame($first, $second);
        self::assertSame($first, $this->get(MasterKey::class)->entry()['id'] ?? null);
    }

    private function useProvider(string $name): ?MasterKeyProviderInterface
    {
        $key = random_bytes(32);
        if ($name === 'other') {
            $provider = new CountingKeyProvider($key);
            $container = $this->getContainer();
            self::assertInstanceOf(ContainerInterface::class, $container);
            $container->set(MasterKeyProviderInterface::class, $provider);
            return $provider;
        }
        $source = match ($name) {
            'file' => $this->instancePath . '/vault.key',
            default => self::VARIABLE,
        };
        if ($name === 'file') {
            file_put_contents($source, base64_encode($key));
        }
        if ($name === 'env') {
            putenv(self::VARIABLE . '=' . base64_encode($key));
        }
        self::setting(['EXTENSIONS', 'nr_vault'], ['masterKeyProvider' => $name, 'masterKeySource' => $source]);
        return null;
    }
}
