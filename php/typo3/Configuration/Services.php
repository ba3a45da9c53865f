<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\DependencyInjection\VaultPass;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;

return static function (ContainerConfigurator $configurator, ContainerBuilder $container): void {
    $container->addCompilerPass(new VaultPass());
};
