<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * A context with fixed values.
 *
 * @api
 */
final readonly class StaticCallContext implements CallContext
{
    public function __construct(
        private ?string $actorType = null,
        private ?string $actorId = null,
        private ?string $requestId = null,
        private ?string $traceparent = null,
    ) {
    }

    public function actorType(): ?string
    {
        return $this->actorType;
    }

    public function actorId(): ?string
    {
        return $this->actorId;
    }

    public function requestId(): ?string
    {
        return $this->requestId;
    }

    public function traceparent(): ?string
    {
        return $this->traceparent;
    }
}
