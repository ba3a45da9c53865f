<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * The maximum size of a body, and the key that sets it: a refusal names the key that has to be raised.
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

    /** The smaller of two limits; this one if they are equal. */
    public function least(self $other): self
    {
        return $other->bytes < $this->bytes ? $other : $this;
    }

    /** The message that something is larger. */
    public function exceededBy(string $what): string
    {
        return sprintf('%s is larger than %d bytes, the limit of %s', $what, $this->bytes, $this->of);
    }
}
