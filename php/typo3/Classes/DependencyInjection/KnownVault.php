<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DependencyInjection;

use Netresearch\NrVault\Crypto\EncryptionServiceInterface;
use Netresearch\NrVault\Service\VaultService;

/**
 * Compares the installed nr-vault with what this extension was written for: the methods that it implements, and the
 * arguments by which it makes a service of its own. nr-vault may add to both in a minor release, which is a fatal error of PHP
 * where a class implements them, and another key's service in place of ours where an argument has another name.
 *
 * @internal
 */
final class KnownVault
{
    /** Method => the signatures that it has had, without attributes and default values. */
    private const METHODS = [
        'encrypt' => ['(string $plaintext, string $identifier): Netresearch\NrVault\Crypto\EncryptedData'],
        'decrypt' => [
            '(string $encryptedValue, string $encryptedDek, string $dekNonce, string $valueNonce, string $identifier): string',
            '(string $encryptedValue, string $encryptedDek, string $dekNonce, string $valueNonce, string $identifier, '
                . 'int $encryptionVersion, string $encryptionAlgorithm): string',
        ],
        'generateDek' => ['(): string'],
        'calculateChecksum' => ['(string $plaintext): string'],
        'reEncryptDek' => [
            '(string $encryptedDek, string $dekNonce, string $identifier, string $oldMasterKey, string $newMasterKey): '
                . 'Netresearch\NrVault\Crypto\ReEncryptedDek',
            '(string $encryptedDek, string $dekNonce, string $identifier, string $oldMasterKey, string $newMasterKey, '
                . 'int $encryptionVersion, string $encryptionAlgorithm): Netresearch\NrVault\Crypto\ReEncryptedDek',
        ],
    ];

    /** Arguments of VaultService's constructor. One more is no harm where it need not be given. */
    private const ARGUMENTS = [
        'adapter' => 'Netresearch\NrVault\Adapter\VaultAdapterInterface',
        'encryptionService' => EncryptionServiceInterface::class,
        'accessControlService' => 'Netresearch\NrVault\Security\AccessControlServiceInterface',
        'auditLogService' => 'Netresearch\NrVault\Audit\AuditLogServiceInterface',
        'configuration' => 'Netresearch\NrVault\Configuration\ExtensionConfigurationInterface',
        'httpClientFactory' => 'Netresearch\NrVault\Http\VaultHttpClientFactoryInterface',
        'eventDispatcher' => '?Psr\EventDispatcher\EventDispatcherInterface',
        'logger' => '?Psr\Log\LoggerInterface',
    ];

    /** Those without which a service of our own would be upstream's. */
    private const OURS = ['encryptionService', 'httpClientFactory'];

    /**
     * What has moved, by its name; null where nothing has.
     *
     * @param string $interface as the tests name another
     */
    public static function difference(
        string $interface = EncryptionServiceInterface::class,
        string $service = VaultService::class,
    ): ?string {
        if (!interface_exists($interface) || !class_exists($service)) {
            return "there is no $interface or no $service";
        }
        return Signatures::difference(new \ReflectionClass($interface), self::METHODS)
            ?? self::differingArgument(new \ReflectionClass($service))
            ?? self::differingRetrieval(new \ReflectionClass($service));
    }

    /**
     * @param \ReflectionClass<object> $service
     */
    private static function differingArgument(\ReflectionClass $service): ?string
    {
        $name = $service->getShortName() . '::__construct()';
        $arguments = [];
        foreach ($service->getConstructor()?->getParameters() ?? [] as $parameter) {
            $arguments[] = $parameter->getName();
            $known = self::ARGUMENTS[$parameter->getName()] ?? null;
            $differs = $known === null ? !$parameter->isOptional() : (string) $parameter->getType() !== $known;
            if ($differs) {
                return "$name has another argument \${$parameter->getName()}";
            }
        }
        $missing = array_diff(self::OURS, $arguments);
        return $missing === [] ? null : "$name has no argument \$" . implode(', $', $missing);
    }

    /**
     * @param \ReflectionClass<object> $service
     */
    private static function differingRetrieval(\ReflectionClass $service): ?string
    {
        $isKnown = $service->hasMethod('retrieve')
            && Signatures::of($service->getMethod('retrieve')) === '(string $identifier): ?string';
        return $isKnown ? null : $service->getShortName() . '::retrieve() has other arguments';
    }
}
