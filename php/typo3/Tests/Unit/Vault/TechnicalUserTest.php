<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Vault;

use Netresearch\NrSecureOutbound\Vault\InstalledVault;
use Netresearch\NrSecureOutbound\Vault\NrVaultCredentialProvider;
use Netresearch\NrSecureOutbound\Vault\SealingVault;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Exception\AccessDeniedException;
use Netresearch\NrVault\Exception\TechnicalActorException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Security\TechnicalActorContextInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\CredentialReference;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * A technical user, with test doubles of the interfaces that nr-vault has from 1.0 on.
 */
final class TechnicalUserTest extends TestCase
{
    /** @var list<int> the active technical users, the innermost last */
    private array $actors = [];

    /** @var list<array{string, int}> identifier, and the user who read it; 0 is the caller */
    private array $reads = [];

    /** @var (\Closure(string): void)|null a listener of the event that a read is */
    private ?\Closure $listener = null;

    /** What the vault throws at a read. */
    private ?\Throwable $refusal = null;

    public static function setUpBeforeClass(): void
    {
        if (!interface_exists(TechnicalActorContextInterface::class)) {
            require __DIR__ . '/../../Stubs/technical-actors.stub';
        }
    }

    #[Test]
    public function theReadAloneIsTheUsers(): void
    {
        $sealed = $this->provider()->fetchAs(self::reference('crm'), 7);

        self::assertSame('nrv1:crm', $sealed->sealed);
        self::assertSame([['crm', 7]], $this->reads);
        self::assertSame([], $this->actors);
    }

    #[Test]
    public function aServiceWithoutOneIsReadByWhoeverCalls(): void
    {
        $this->provider()->fetch(self::reference('crm'));

        self::assertSame([['crm', 0]], $this->reads);
    }

    #[Test]
    public function aServiceThatAListenerCallsHasItsOwnUser(): void
    {
        $provider = $this->provider();
        $this->listener = static function (string $identifier) use ($provider): void {
            if ($identifier === 'outer') {
                $provider->fetchAs(self::reference('inner'), 9);
            }
        };

        $provider->fetchAs(self::reference('outer'), 7);
        $provider->fetch(self::reference('next'));

        self::assertSame([['outer', 7], ['inner', 9], ['next', 0]], $this->reads);
    }

    #[Test]
    public function aServiceWithoutOneIsNotReadWithTheRightsOfAnothers(): void
    {
        $provider = $this->provider();
        $inner = null;
        $this->listener = static function (string $identifier) use ($provider, &$inner): void {
            if ($identifier === 'outer') {
                $inner = self::failure(static fn () => $provider->fetch(self::reference('inner')));
            }
        };

        $provider->fetchAs(self::reference('outer'), 7);

        self::assertSame('credential.access_denied', $inner?->errorCode());
        self::assertSame([['outer', 7]], $this->reads);
    }

    /**
     * Whoever is logged in stays so: during the read, in a listener that calls another service, and after a refusal.
     */
    #[Test]
    public function theLoggedInUserIsNeverExchanged(): void
    {
        $user = new \stdClass();
        $seen = [];
        $GLOBALS['BE_USER'] = $user;
        try {
            $provider = $this->provider();
            $this->listener = static function (string $identifier) use ($provider, &$seen): void {
                $seen[] = $GLOBALS['BE_USER'];
                if ($identifier === 'outer') {
                    $provider->fetchAs(self::reference('inner'), 9);
                    $seen[] = $GLOBALS['BE_USER'];
                }
            };
            $provider->fetchAs(self::reference('outer'), 7);
            $seen[] = $GLOBALS['BE_USER'];
            $this->refusal = AccessDeniedException::forIdentifier('crm');
            self::failure(static fn () => $provider->fetchAs(self::reference('crm'), 7));
            $seen[] = $GLOBALS['BE_USER'];
        } finally {
            unset($GLOBALS['BE_USER']);
        }

        self::assertSame(array_fill(0, 5, $user), $seen);
        self::assertEquals(new \stdClass(), $user);
    }

    #[Test]
    public function afterARefusalNobodyActsAnyMore(): void
    {
        $provider = $this->provider();
        $this->refusal = AccessDeniedException::forIdentifier('crm');
        $failure = self::failure(static fn () => $provider->fetchAs(self::reference('crm'), 7));
        self::assertSame('credential.access_denied', $failure->errorCode());

        $this->refusal = new TechnicalActorException('user 7 is disabled');
        $failure = self::failure(static fn () => $provider->fetchAs(self::reference('crm'), 7));
        self::assertSame('credential.access_denied', $failure->errorCode());
        self::assertStringContainsString('the technical user of the service', $failure->getMessage());

        $this->refusal = null;
        self::assertSame('nrv1:crm', $provider->fetch(self::reference('crm'))->sealed);
    }

    #[Test]
    public function aVaultThatKnowsNoneRefusesByName(): void
    {
        $state = new VaultState(new InstalledVault());
        $provider = new NrVaultCredentialProvider($state, new InstalledVault(), new SealingVault($this->vault()));

        $failure = self::failure(static fn () => $provider->fetchAs(self::reference('crm'), 7));

        self::assertSame('configuration.vault_incompatible', $failure->errorCode());
        self::assertMatchesRegularExpression('/nr-vault \S+ has no TechnicalActorContextInterface::runAs\(\)/', $failure->getMessage());
        self::assertSame([], $this->reads);
    }

    #[Test]
    public function aVaultThatHasMovedIsNotAsked(): void
    {
        $state = new VaultState(new InstalledVault(), 'EncryptionServiceInterface::seal() is new.');
        $provider = new NrVaultCredentialProvider($state, new InstalledVault());

        foreach ([static fn () => $provider->fetch(self::reference('crm')), static fn () => $provider->fetchAs(self::reference('crm'), 7)] as $fetch) {
            $failure = self::failure($fetch);
            self::assertSame('configuration.vault_incompatible', $failure->errorCode());
            self::assertMatchesRegularExpression('/nr-vault \S+ is not as .*EncryptionServiceInterface::seal\(\) is new/', $failure->getMessage());
        }
    }

    private function provider(): NrVaultCredentialProvider
    {
        $actors = self::createStub(TechnicalActorContextInterface::class);
        $actors->method('runAs')->willReturnCallback(function (int $user, callable $do): mixed {
            $this->actors[] = $user;
            try {
                return $do();
            } finally {
                array_pop($this->actors);
            }
        });
        $state = new VaultState(new InstalledVault());
        return new NrVaultCredentialProvider($state, new InstalledVault(), new SealingVault($this->vault()), $actors);
    }

    private function vault(): VaultServiceInterface
    {
        $vault = self::createStub(VaultServiceInterface::class);
        $vault->method('retrieve')->willReturnCallback(function (string $identifier): string {
            if ($this->refusal !== null) {
                throw $this->refusal;
            }
            $this->reads[] = [$identifier, $this->actors === [] ? 0 : $this->actors[count($this->actors) - 1]];
            if ($this->listener !== null) {
                ($this->listener)($identifier);
            }
            return 'nrv1:' . $identifier;
        });
        return $vault;
    }

    private static function reference(string $identifier): CredentialReference
    {
        return new CredentialReference($identifier, 'bearer');
    }

    /**
     * @param \Closure(): mixed $fetch
     */
    private static function failure(\Closure $fetch): OutboundException
    {
        try {
            $fetch();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('It was read.');
    }
}
