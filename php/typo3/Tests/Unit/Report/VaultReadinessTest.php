<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Report;

use Netresearch\NrSecureOutbound\DependencyInjection\Reports;
use Netresearch\NrSecureOutbound\Doctor\Check;
use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrSecureOutbound\Report\VaultReadiness;
use Netresearch\NrVault\Configuration\SecurityProfile;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding as OutboundFinding;
use Netresearch\NrVault\Service\Doctor\DoctorContext;
use Netresearch\NrVault\Service\Doctor\Finding;
use Netresearch\NrVault\Service\Doctor\ReadinessCheckInterface;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;
use Symfony\Component\DependencyInjection\ContainerBuilder;

/**
 * The findings about calls in `vault:doctor` of nr-vault 1.1, with test doubles of its interfaces.
 */
final class VaultReadinessTest extends TestCase
{
    public static function setUpBeforeClass(): void
    {
        if (!interface_exists(ReadinessCheckInterface::class)) {
            require __DIR__ . '/../../Stubs/readiness-checks.stub';
        }
    }

    #[Test]
    public function whatTheDoctorFindsIsAmongThem(): void
    {
        $check = new VaultReadiness(new Doctor([new class () implements Check {
            public function findings(): array
            {
                return [
                    OutboundFinding::ok('site.vault', 'No value.'),
                    OutboundFinding::warning('vault.gates', 'It lets more through.', 'composer require it'),
                    OutboundFinding::critical('vault.moved', 'It has moved.', 'composer update it'),
                ];
            }
        }]));

        self::assertSame('outbound', $check->getId());
        self::assertSame([true, true], array_map($check->appliesTo(...), SecurityProfile::cases()));
        self::assertSame([
            ['outbound.vault_gates', 'warning', 'It lets more through.', 'composer require it'],
            ['outbound.vault_moved', 'critical', 'It has moved.', 'composer update it'],
            ['outbound.site_vault', 'pass', 'No value.', ''],
        ], array_map(
            static fn (Finding $finding): array => [$finding->id, $finding->severity->value, $finding->summary, $finding->remediation],
            $check->run((new \ReflectionClass(DoctorContext::class))->newInstanceWithoutConstructor()),
        ));
    }

    #[Test]
    public function nrVaultFindsItByItsTag(): void
    {
        $container = new ContainerBuilder();

        Reports::define($container);

        self::assertSame([VaultReadiness::class], array_keys($container->findTaggedServiceIds('nr_vault.readiness_check')));
    }
}
