<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * A response, as far as it was wanted.
 *
 * @internal
 */
final readonly class Response
{
    /**
     * @param BodyReader|null $body null where it was not read, or never follows
     */
    public function __construct(
        public ResponseHead $head,
        public Verdict $verdict,
        #[\SensitiveParameter] public ?BodyReader $body,
    ) {
    }
}
