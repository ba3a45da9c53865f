<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DependencyInjection;

use Netresearch\NrVault\Crypto\EncryptionServiceInterface;
use Netresearch\NrVault\Service\VaultService;

/**
 * Compares the installed nr-vault with the one that this extension was written for: the methods that the extension implements,
 * and the constructor arguments that it sets. nr-vault may change both in a minor release. A new method is a fatal error of PHP
 * where a class implements the interface; an argument with another name leaves nr-vault's service in place of ours.
 *
 * @internal
 */
final class KnownVault
{
    /** Method => its known signatures, without attributes and default values. */
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

    /** Arguments of VaultService's constructor. A further one is accepted if it is optional. */
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

    /** Arguments that this extension sets to services of its own. */
    private const OURS = ['encryptionService', 'httpClientFactory'];

    /**
     * The name of what has changed; null if nothing has.
     *
     * @param string $interface another name of the interface, for tests
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
