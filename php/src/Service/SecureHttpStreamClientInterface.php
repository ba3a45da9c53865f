<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;

/**
 * A client whose responses can be read while they arrive. The clients of this package are such clients.
 *
 * @phpstan-import-type Options from SecureHttpClientInterface
 * @api
 */
interface SecureHttpStreamClientInterface extends SecureHttpClientInterface
{
    /**
     * Sends one request, and returns once the head of its response and the first byte of the body are there, or a body without
     * bytes has ended. Options are those of request(). Unless `timeout` or the policy limits the whole time, only the first byte
     * has to come within the default time, and `idleTimeout` is 60 seconds.
     *
     * @param string $path below the service's base URL; '' is the base URL itself
     * @param Options $options
     * @throws OutboundException if the call was refused or failed
     */
    public function stream(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): StreamedResponse;
}
