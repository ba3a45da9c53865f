<?php

declare(strict_types=1);

use Netresearch\NrSecureOutboundCalling\TechnicalActors;
use Netresearch\NrVault\Security\TechnicalActorContextInterface;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;

return static function (ContainerConfigurator $configurator, ContainerBuilder $container): void {
    if (interface_exists(TechnicalActorContextInterface::class)) {
        $container->register(TechnicalActorContextInterface::class, TechnicalActors::class);
    }
};
