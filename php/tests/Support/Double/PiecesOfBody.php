<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Netresearch\NrVault\Transport\BodySource;

/**
 * A body of given pieces; one of them may be an exception, which is thrown.
 */
final class PiecesOfBody implements BodySource
{
    /**
     * @param list<string|\Throwable> $pieces
     */
    public function __construct(private array $pieces, private readonly ?int $length)
    {
    }

    public function length(): ?int
    {
        return $this->length;
    }

    public function read(int $max): string
    {
        $piece = $this->pieces[0] ?? '';
        if ($piece instanceof \Throwable) {
            throw $piece;
        }
        $bytes = substr($piece, 0, $max);
        $this->pieces[0] = substr($piece, strlen($bytes));
        if ($this->pieces[0] === '') {
            array_shift($this->pieces);
        }
        return $bytes;
    }
}
