<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DependencyInjection;

use Netresearch\NrSecureOutbound\Report\OutboundStatus;
use Netresearch\NrSecureOutbound\Report\VaultReadiness;
use Netresearch\NrVault\Service\Doctor\ReadinessCheckInterface;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use TYPO3\CMS\Reports\StatusProviderInterface;

/**
 * Defines the services that show the doctor's findings in other packages, if a package is installed and its interface is the
 * known one.
 *
 * @internal
 */
final class Reports
{
    private const METHODS_OF_CHECKS = ['appliesTo', 'getId', 'run'];

    public static function define(ContainerBuilder $container): void
    {
        if (interface_exists(StatusProviderInterface::class)) {
            $container->register(OutboundStatus::class)->setAutowired(true)->addTag('reports.status');
        }
        if (interface_exists(ReadinessCheckInterface::class) && self::hasKnownMethods()) {
            $container->register(VaultReadiness::class)->setAutowired(true)->addTag('nr_vault.readiness_check');
        }
    }

    private static function hasKnownMethods(): bool
    {
        $methods = get_class_methods(ReadinessCheckInterface::class);
        sort($methods);
        return $methods === self::METHODS_OF_CHECKS;
    }
}
