<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Composer\InstalledVersions;
use Netresearch\NrLlm\Domain\Model\Provider;
use Netresearch\NrLlm\Provider\AbstractProvider;
use Netresearch\NrLlm\Provider\ProviderAdapterRegistry;
use Netresearch\NrSecureOutbound\Configuration\ConfVars;
use Netresearch\NrSecureOutbound\DropIn\Wanted;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Placement;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * Access to the installed nr-llm. Its releases differ in where a provider's key goes, and in how its endpoint is found.
 *
 * @internal
 */
final readonly class NrLlm
{
    public const TABLE = 'tx_nrllm_provider';

    private const PACKAGE = 'netresearch/nr-llm';

    public function __construct(private ConnectionPool $connections)
    {
    }

    public function isInstalled(): bool
    {
        return class_exists(ProviderAdapterRegistry::class)
            && $this->connections->getConnectionForTable(self::TABLE)->createSchemaManager()->tablesExist([self::TABLE]);
    }

    public function version(): string
    {
        return InstalledVersions::isInstalled(self::PACKAGE) ? (string) InstalledVersions::getPrettyVersion(self::PACKAGE) : '';
    }

    /**
     * @return list<array<string, mixed>> also disabled and deleted ones
     */
    public function providers(): array
    {
        $query = $this->connections->getQueryBuilderForTable(self::TABLE);
        $query->getRestrictions()->removeAll();
        return $query->select('*')->from(self::TABLE)->orderBy('uid')->executeQuery()->fetchAllAssociative();
    }

    /**
     * Replaces the stored key of a provider by an identifier, unless the column has been changed in the meantime.
     */
    public function replace(int $uid, #[\SensitiveParameter] string $stored, string $identifier): bool
    {
        return $this->connections->getConnectionForTable(self::TABLE)->update(
            self::TABLE,
            ['api_key' => $identifier, 'tstamp' => time()],
            ['uid' => $uid, 'api_key' => $stored],
        ) === 1;
    }

    public function endpoint(string $adapter, string $configured): string
    {
        return $configured !== '' ? $configured : Provider::getDefaultEndpointForAdapter($adapter);
    }

    /**
     * Where the adapter puts its key.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public function placement(string $adapter): ?Placement
    {
        $provider = (new \ReflectionClass($this->adapterClass($adapter)))->newInstanceWithoutConstructor();
        $placement = (new \ReflectionMethod($provider, 'getSecretPlacement'))->invoke($provider);
        $options = (new \ReflectionMethod($provider, 'getSecretPlacementOptions'))->invoke($provider);
        if (!$placement instanceof SecretPlacement || !is_array($options)) {
            return null;
        }
        $references = Wanted::nothing()->withAuthentication('key', $placement, $options)->references();
        return count($references) === 1 ? $references[0]->placement : null;
    }

    /** Whether the adapter also reads its key itself, so that PHP has the key even if the library makes the call. */
    public function readsKey(string $adapter): bool
    {
        $file = (new \ReflectionClass($this->adapterClass($adapter)))->getFileName();
        return $file !== false && str_contains((string) file_get_contents($file), '->retrieveApiKey(');
    }

    /**
     * Keys in the settings of the extension, which its services for pictures, speech and translation send as they are.
     *
     * @return list<string> their names
     */
    public function rawSettings(): array
    {
        $settings = ConfVars::at('EXTENSIONS', 'nr_llm');
        return is_array($settings) ? self::keysIn($settings, '') : [];
    }

    /**
     * @param array<mixed> $settings
     * @return list<string>
     */
    private static function keysIn(array $settings, string $path): array
    {
        $found = [];
        foreach ($settings as $name => $value) {
            $at = $path === '' ? (string) $name : "$path.$name";
            if (is_array($value)) {
                $found = [...$found, ...self::keysIn($value, $at)];
            } elseif (is_string($value) && $value !== '' && preg_match('/(\A|\.)api_?key\z/i', $at) === 1) {
                $found[] = $at;
            }
        }
        return $found;
    }

    /**
     * @return class-string<AbstractProvider>
     */
    private function adapterClass(string $adapter): string
    {
        return GeneralUtility::makeInstance(ProviderAdapterRegistry::class)->getAdapterClass($adapter);
    }
}
