<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Call;

use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Call\RequestBuilder;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Text\Uuid7;

/**
 * Says what would become of a call. Nothing is opened, resolved, sent or recorded.
 *
 * @internal
 */
final readonly class Explainer
{
    public function __construct(private ServiceRegistry $registry, private Transports $transports)
    {
    }

    /**
     * @throws OutboundException the refusal
     */
    public function decide(string $serviceId, string $method, string $path): Decision
    {
        $service = $this->registry->get($serviceId);
        $request = RequestBuilder::build($service, $method, $path, null, CallOptions::read([]), Uuid7::generate(), null);
        return $this->transports->select($service->transport)->decide($request, $service->credentials);
    }
}
