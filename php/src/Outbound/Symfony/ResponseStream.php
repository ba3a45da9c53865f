<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\ChunkInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;
use Symfony\Contracts\HttpClient\ResponseStreamInterface;

/**
 * The chunks of several responses, as they come.
 *
 * @internal
 */
final readonly class ResponseStream implements ResponseStreamInterface
{
    /**
     * @param \Generator<ResponseInterface, ChunkInterface> $chunks
     */
    public function __construct(private \Generator $chunks)
    {
    }

    public function key(): ResponseInterface
    {
        return $this->chunks->key();
    }

    public function current(): ChunkInterface
    {
        return $this->chunks->current();
    }

    public function next(): void
    {
        $this->chunks->next();
    }

    public function rewind(): void
    {
        $this->chunks->rewind();
    }

    public function valid(): bool
    {
        return $this->chunks->valid();
    }
}
