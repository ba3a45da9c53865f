<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit;

use Netresearch\NrSecureOutbound\VaultReference;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

final class VaultReferenceTest extends TestCase
{
    #[Test]
    public function aReferenceNamesASecret(): void
    {
        $reference = VaultReference::fromSetting(' vault:crm_token ');

        self::assertSame('crm_token', $reference->identifier);
        self::assertSame('vault:crm_token', $reference->toSetting());
        self::assertTrue(VaultReference::isReference('vault:site:main:crm'));
    }

    #[Test]
    public function thereIsNoWayToAValue(): void
    {
        $methods = array_map(
            static fn (\ReflectionMethod $method): string => $method->getName(),
            (new \ReflectionClass(VaultReference::class))->getMethods(\ReflectionMethod::IS_PUBLIC),
        );

        self::assertSame(['fromSetting', 'isReference', 'toSetting'], $methods);
    }

    #[Test]
    public function whatNrVaultWouldReplaceByTheValueIsRefusedWithTheReason(): void
    {
        $this->expectExceptionMessageMatches('/replaces by the value of the secret.*write vault:/');

        VaultReference::fromSetting('Bearer %vault(crm_token)%');
    }

    #[Test]
    public function whatMayBeTheSecretItselfIsNotRepeated(): void
    {
        foreach (['sk-live-1234', '', 'vault:', 'vault:a b', "vault:a\nb", 'vault:' . str_repeat('a', 256)] as $setting) {
            self::assertFalse(VaultReference::isReference($setting), $setting);
            try {
                VaultReference::fromSetting($setting);
            } catch (\InvalidArgumentException $refusal) {
                self::assertStringNotContainsString('sk-live', $refusal->getMessage());
            }
        }
    }
}
