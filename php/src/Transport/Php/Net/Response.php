<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * A response: head, and body where it was read.
 *
 * @internal
 */
final readonly class Response
{
    /**
     * @param BodyReader|null $body null if it was not read, or never follows
     */
    public function __construct(
        public ResponseHead $head,
        public Verdict $verdict,
        #[\SensitiveParameter] public ?BodyReader $body,
    ) {
    }
}
