<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Transport\BodySource;

/**
 * How the bodies of a call are read: those of the request and of the response.
 *
 * @internal
 */
final readonly class Reading
{
    /**
     * @param bool $isCollected whether the response is wanted as a whole
     * @param BodySource|null $source of the request's body, in place of the request's own
     */
    public function __construct(
        public bool $isCollected,
        public ?BodySource $source = null,
    ) {
    }
}
