<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DependencyInjection;

use Netresearch\NrSecureOutbound\DependencyInjection\VaultPass;
use Netresearch\NrSecureOutbound\Vault\NrVaultCredentialProvider;
use Netresearch\NrSecureOutbound\Vault\SealingVault;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;
use Symfony\Component\DependencyInjection\ContainerBuilder;

/**
 * Which services the container gets that depend on nr-vault's own classes, and the message if it gets none.
 */
final class VaultPassTest extends TestCase
{
    #[Test]
    public function whereAllIsKnownThereIsASealingVault(): void
    {
        $container = self::container();
        $container->register(VaultHttpClientFactory::class);

        (new VaultPass())->process($container);

        self::assertTrue($container->hasDefinition(SealingVault::class));
        self::assertNull($container->getDefinition(VaultState::class)->getArgument('$incompatibility'));
    }

    /**
     * A later nr-vault may have no such service. With a reference to it the container would not compile, and each page would
     * fail.
     */
    #[Test]
    public function aFactoryThatIsNoServiceIsNamedInPlaceOfAReferenceToIt(): void
    {
        $container = self::container();

        (new VaultPass())->process($container);

        self::assertFalse($container->hasDefinition(SealingVault::class));
        self::assertSame(
            'there is no service ' . VaultHttpClientFactory::class,
            $container->getDefinition(VaultState::class)->getArgument('$incompatibility'),
        );
    }

    private static function container(): ContainerBuilder
    {
        $container = new ContainerBuilder();
        $container->register(VaultState::class);
        $container->register(NrVaultCredentialProvider::class);
        return $container;
    }
}
