<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

/**
 * A call without a body that shows whether a service can be reached. It is made on request only, and the service's policy applies
 * to it as to any other call.
 *
 * @api
 */
final readonly class TestCall
{
    /**
     * @param string $path below the base URL, or ""
     */
    public function __construct(public string $method, public string $path)
    {
    }
}
