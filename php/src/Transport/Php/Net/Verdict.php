<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * What becomes of a response, told by its head alone.
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

    /** It is the call's. */
    public static function stands(): self
    {
        return new self(true, null);
    }

    /** It leads to another request. */
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
