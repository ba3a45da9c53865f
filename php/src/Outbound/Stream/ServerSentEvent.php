<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stream;

/**
 * One event of an event stream.
 *
 * @api
 */
final readonly class ServerSentEvent
{
    /**
     * @param string $type "message" where the server names none
     * @param string $id the last id that the server has sent, with this event or before; '' for none
     * @param int|null $retry milliseconds before a new connection, as the server has last asked; null: it has not asked
     */
    public function __construct(
        public string $type,
        #[\SensitiveParameter] public string $data,
        public string $id = '',
        public ?int $retry = null,
    ) {
    }
}
