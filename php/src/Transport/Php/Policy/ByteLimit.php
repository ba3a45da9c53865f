<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * How many bytes a body may have, and who sets it: a refusal has to name the limit to raise.
 *
 * @internal
 */
final readonly class ByteLimit
{
    /**
     * @param string $of the key of a document, such as "policy.response_bytes"
     */
    public function __construct(public int $bytes, public string $of)
    {
    }

    /** The tighter of two limits; this one where they are equal. */
    public function least(self $other): self
    {
        return $other->bytes < $this->bytes ? $other : $this;
    }

    /** Says that something is larger. */
    public function exceededBy(string $what): string
    {
        return sprintf('%s is larger than %d bytes, the limit of %s', $what, $this->bytes, $this->of);
    }
}
