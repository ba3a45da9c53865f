<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\DependencyInjection\Reports;
use Netresearch\NrSecureOutbound\DependencyInjection\VaultPass;
use Symfony\Component\DependencyInjection\Compiler\PassConfig;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;

return static function (ContainerConfigurator $configurator, ContainerBuilder $container): void {
    // It runs before TYPO3's pass that injects loggers into the services defined so far.
    $container->addCompilerPass(new VaultPass(), PassConfig::TYPE_BEFORE_OPTIMIZATION, 10);
    Reports::define($container);
};
