<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * What is done with a response, decided by its head alone.
 *
 * @internal
 */
final readonly class Verdict
{
    /**
     * @param bool $wantsBody whether the rest of the response is read
     * @param Deadline|null $next when the request is made again in place of this response
     */
    private function __construct(public bool $wantsBody, public ?Deadline $next)
    {
    }

    /** The response is returned to the caller. */
    public static function returns(): self
    {
        return new self(true, null);
    }

    /** The response is a redirect that is followed. */
    public static function redirects(): self
    {
        return new self(false, null);
    }

    /** The same request is made again. */
    public static function repeats(Deadline $next): self
    {
        return new self(false, $next);
    }
}
