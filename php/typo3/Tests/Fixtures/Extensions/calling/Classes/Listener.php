<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Event\SecretAccessedEvent;
use Netresearch\NrVault\Outbound\Event\CallEnded;

/**
 * Tells a test of events, and does what the test wants in the middle of one.
 */
final class Listener
{
    /** @var list<CallEnded> */
    public array $calls = [];

    /** @var list<string> */
    public array $secrets = [];

    /** @var (\Closure(string): void)|null told of the identifier of a secret that is being read */
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
