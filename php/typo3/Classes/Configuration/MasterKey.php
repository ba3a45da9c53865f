<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

use Netresearch\NrVault\Configuration\ExtensionConfiguration;
use Netresearch\NrVault\Configuration\ExtensionConfigurationInterface;
use Netresearch\NrVault\Crypto\EnvironmentMasterKeyProvider;
use Netresearch\NrVault\Crypto\FileMasterKeyProvider;
use Netresearch\NrVault\Crypto\MasterKeyProviderInterface;
use Netresearch\NrVault\Crypto\Typo3MasterKeyProvider;
use Netresearch\NrVault\Exception\ConfigurationException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\PartFailure;
use TYPO3\CMS\Core\Core\Environment;

/**
 * nr-vault's master key as an entry of "master_keys". The library gets the path of a file or the name of a variable, and reads
 * the key itself. A key that only PHP can read is handed over once in the life of a worker.
 *
 * @internal
 */
final readonly class MasterKey
{
    /**
     * @param \Closure(): MasterKeyProviderInterface $provider of nr-vault; it may throw
     */
    public function __construct(private ExtensionConfigurationInterface $vault, private \Closure $provider)
    {
    }

    /**
     * @return array<string, mixed>
     * @throws OutboundException credential.key_unavailable
     */
    public function entry(): array
    {
        $provider = $this->provider();
        return match (true) {
            $provider instanceof Typo3MasterKeyProvider => [
                'provider' => 'typo3',
                'encryption_key' => ConfVars::text('SYS', 'encryptionKey'),
            ],
            $provider instanceof EnvironmentMasterKeyProvider => ['provider' => 'env', 'name' => $this->variable()],
            $provider instanceof FileMasterKeyProvider => ['provider' => 'file', 'path' => $this->file()],
            default => ['id' => $this->id($provider), 'material' => self::material($provider)],
        };
    }

    private function provider(): MasterKeyProviderInterface
    {
        try {
            return ($this->provider)();
        } catch (VaultException $failure) {
            throw OutboundException::create(
                'credential.key_unavailable',
                // A provider's message may contain the value that it was given; only a message that names a setting is repeated.
                'nr-vault has no master key: '
                    . ($failure instanceof ConfigurationException ? $failure->getMessage() : PartFailure::nameOf($failure)),
            );
        }
    }

    /** nr-vault's default if no variable is named. */
    private function variable(): string
    {
        $source = $this->vault->getMasterKeySource();
        return $source === '' ? ExtensionConfiguration::DEFAULT_MASTER_KEY_SOURCE : $source;
    }

    private function file(): string
    {
        $source = $this->vault->getMasterKeySource();
        if ($source === '' || $source === ExtensionConfiguration::DEFAULT_MASTER_KEY_SOURCE) {
            throw OutboundException::create(
                'credential.key_unavailable',
                "nr-vault's master key is to come from a file, and masterKeySource names none.",
            );
        }
        $auto = $this->vault->getAutoKeyPath();
        return !file_exists($source) && is_readable($auto) ? $auto : $source;
    }

    /**
     * The id is different for each site in one pool of workers, and for each key: whoever knows the id of another site can use
     * its key.
     */
    private function id(MasterKeyProviderInterface $provider): string
    {
        return 'nr-vault-' . substr(hash('sha256', serialize([
            Environment::getProjectPath(),
            ConfVars::text('SYS', 'encryptionKey'),
            $provider->getIdentifier(),
            ConfVars::at('EXTENSIONS', 'nr_vault'),
        ])), 0, 40);
    }

    /**
     * @return \Closure(): array<string, string>
     */
    private static function material(MasterKeyProviderInterface $provider): \Closure
    {
        return static function () use ($provider): array {
            // The key that was read before may be out of date.
            self::forget($provider);
            try {
                return ['provider' => 'raw', 'key_base64' => base64_encode($provider->getMasterKey())];
            } finally {
                self::forget($provider);
            }
        };
    }

    /** Only some providers of some releases cache the key. */
    private static function forget(MasterKeyProviderInterface $provider): void
    {
        $clear = [$provider::class, 'clearCachedKey'];
        if (is_callable($clear)) {
            $clear();
        }
    }
}
