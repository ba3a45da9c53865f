<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Call;

use Netresearch\NrSecureOutbound\Configuration\TransportConfiguration;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\TransportInterface;
use Netresearch\NrVault\Transport\TransportSelector;
use Psr\Log\LoggerInterface;

/**
 * The library's transports, made at the first call of a request. A page that calls no service reads no configuration, and does
 * not fail if the configuration is wrong.
 *
 * @internal
 */
final class Transports implements TransportSelector
{
    private ?TransportFactory $transports = null;

    public function __construct(
        private readonly TransportConfiguration $configuration,
        private readonly LoggerInterface $logger,
    ) {
    }

    public function select(string $transport): TransportInterface
    {
        $this->transports ??= new TransportFactory($this->configuration->document(), null, $this->logger);
        return $this->transports->select($transport);
    }
}
