<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

/**
 * The body of a request, read in pieces while it is sent. It is read once: a request of which a piece was taken is not repeated,
 * and a redirect with 307 or 308 and a response 401 go to the caller.
 *
 * @internal
 */
interface BodySource
{
    /** Its length in bytes; null: unknown. */
    public function length(): ?int;

    /**
     * The next bytes. What it throws ends the exchange, and is thrown by head() or read() of that exchange.
     *
     * @param int $max at least 1
     * @return string 1 to $max bytes; '' at the end
     * @throws \Throwable
     */
    public function read(int $max): string;
}
