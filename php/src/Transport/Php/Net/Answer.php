<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * An answer, as far as it was wanted.
 *
 * @internal
 */
final readonly class Answer
{
    /**
     * @param BodyReader|null $body null where it was not read, or never follows
     */
    public function __construct(public Head $head, #[\SensitiveParameter] public ?BodyReader $body)
    {
    }
}
