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
 * What the container gets of nr-vault's own classes, and what is said where it gets none of them.
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
     * nr-vault may make it in another way: the container would not compile, and each page would be an error.
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
