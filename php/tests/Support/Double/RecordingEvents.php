<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Psr\EventDispatcher\EventDispatcherInterface;

/**
 * An event dispatcher that records the events; one listener can be set.
 */
final class RecordingEvents implements EventDispatcherInterface
{
    /** @var list<object> */
    public array $events = [];

    public ?\Closure $listener = null;

    public function dispatch(object $event): object
    {
        $this->events[] = $event;
        if ($this->listener !== null) {
            ($this->listener)($event);
        }
        return $event;
    }
}
