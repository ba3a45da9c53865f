<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Event\SecretAccessedEvent;
use Netresearch\NrVault\Outbound\Event\CallEnded;

/**
 * Reports events to a test, and runs code of the test during an event.
 */
final class Listener
{
    /** @var list<CallEnded> */
    public array $calls = [];

    /** @var list<string> */
    public array $secrets = [];

    /** @var (\Closure(string): void)|null called with the identifier of a secret that is being read */
    public ?\Closure $onSecret = null;

    public function callEnded(CallEnded $event): void
    {
        $this->calls[] = $event;
    }

    public function secretAccessed(SecretAccessedEvent $event): void
    {
        $this->secrets[] = $event->getIdentifier();
        if ($this->onSecret !== null) {
            ($this->onSecret)($event->getIdentifier());
        }
    }
}
