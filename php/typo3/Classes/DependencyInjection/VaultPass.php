<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DependencyInjection;

use Netresearch\NrSecureOutbound\DropIn\DropInHttpClientFactory;
use Netresearch\NrSecureOutbound\DropIn\HttpCalls;
use Netresearch\NrSecureOutbound\DropIn\OAuthCalls;
use Netresearch\NrSecureOutbound\DropIn\ServiceChoice;
use Netresearch\NrSecureOutbound\Vault\NrVaultCredentialProvider;
use Netresearch\NrSecureOutbound\Vault\SealingEncryptionService;
use Netresearch\NrSecureOutbound\Vault\SealingVault;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Http\VaultHttpClientFactoryInterface;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Service\VaultService;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Psr\EventDispatcher\EventDispatcherInterface;
use Symfony\Component\DependencyInjection\Compiler\CompilerPassInterface;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\Definition;
use Symfony\Component\DependencyInjection\Reference;

/**
 * Defines the services that depend on nr-vault's own classes, if those classes are as this extension knows them. If they have
 * changed, TYPO3 still works: the container is built without these services, and each call is refused with a message.
 *
 * It never throws: an exception in a compiler pass breaks backend, frontend and cache:flush.
 *
 * @internal
 */
final class VaultPass implements CompilerPassInterface
{
    private const VAULT = 'nr_secure_outbound.sealing_vault';

    private const DROP_IN = [DropInHttpClientFactory::class, HttpCalls::class, OAuthCalls::class, ServiceChoice::class];

    public function process(ContainerBuilder $container): void
    {
        $difference = KnownVault::difference() ?? self::missingFactory($container);
        $httpDifference = $difference ?? KnownHttpClient::difference();
        if ($container->hasDefinition(VaultState::class)) {
            $container->getDefinition(VaultState::class)
                ->setArgument('$incompatibility', $difference)
                ->setArgument('$httpIncompatibility', $httpDifference);
        }
        if ($difference !== null || !$container->hasDefinition(NrVaultCredentialProvider::class)) {
            return;
        }
        $container->setDefinition(SealingEncryptionService::class, new Definition(SealingEncryptionService::class));
        $vault = (new Definition(VaultService::class))
            ->setAutowired(true)
            ->setArgument('$encryptionService', new Reference(SealingEncryptionService::class))
            // The class and not its interface: the interface may be an alias of the drop-in, which needs this vault.
            ->setArgument('$httpClientFactory', new Reference(VaultHttpClientFactory::class))
            ->setArgument('$eventDispatcher', new Reference(EventDispatcherInterface::class));
        $container->setDefinition(self::VAULT, $vault);
        $container->setDefinition(
            SealingVault::class,
            (new Definition(SealingVault::class))->setArgument('$vault', new Reference(self::VAULT)),
        );
        $container->getDefinition(NrVaultCredentialProvider::class)
            ->setArgument('$vault', new Reference(SealingVault::class));
        if ($httpDifference === null) {
            self::defineDropIn($container);
        }
    }

    private static function defineDropIn(ContainerBuilder $container): void
    {
        foreach (self::DROP_IN as $class) {
            $container->setDefinition($class, (new Definition($class))->setAutowired(true));
        }
        $wasPublic = [];
        foreach ([VaultHttpClientFactoryInterface::class, VaultHttpClientInterface::class] as $interface) {
            $wasPublic[$interface] = $container->hasAlias($interface) && $container->getAlias($interface)->isPublic();
        }
        $container->setAlias(VaultHttpClientFactoryInterface::class, DropInHttpClientFactory::class)
            ->setPublic($wasPublic[VaultHttpClientFactoryInterface::class]);
        // Both, since a caller may need the client without the factory.
        $client = (new Definition(VaultHttpClientInterface::class))
            ->setFactory([new Reference(VaultHttpClientFactoryInterface::class), 'create'])
            ->setArguments([new Reference(VaultServiceInterface::class)])
            ->setPublic($wasPublic[VaultHttpClientInterface::class]);
        $container->setDefinition(VaultHttpClientInterface::class, $client);
    }

    private static function missingFactory(ContainerBuilder $container): ?string
    {
        return $container->has(VaultHttpClientFactory::class) ? null : 'there is no service ' . VaultHttpClientFactory::class;
    }
}
