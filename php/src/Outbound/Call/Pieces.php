<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Strings and open files that become one string.
 *
 * To append to a long string is to copy it, and to read a file before it is joined is to have it twice. PHP reads a stream
 * that knows its length into a string of that length, so the pieces are such a stream for as long as join() takes.
 *
 * @internal
 */
final class Pieces
{
    /** @var list<array{string|resource, int}> with what is left of their lengths */
    private array $pieces = [];

    private int $length = 0;

    /**
     * @param string|resource $piece a file is closed by close()
     */
    public function add(#[\SensitiveParameter] mixed $piece): void
    {
        $length = is_string($piece) ? strlen($piece) : (fstat($piece)['size'] ?? 0);
        $this->pieces[] = [$piece, $length];
        $this->length += $length;
    }

    public function length(): int
    {
        return $this->length;
    }

    /**
     * All of them, and nothing that was written to a file since it was added.
     *
     * @throws OutboundException invalid_request.malformed where a file has become shorter
     */
    public function join(): string
    {
        $joined = '';
        if (function_exists('stream_wrapper_register') && function_exists('stream_wrapper_unregister')) {
            $joined = (string) PiecesStream::read($this);
        } else {
            // A host that takes these away has the memory for a second copy.
            while (($bytes = $this->next(PHP_INT_MAX)) !== '') {
                $joined .= $bytes;
            }
        }
        return strlen($joined) === $this->length ? $joined : throw OutboundException::malformed(
            'the file of a form part could not be read to its end, or was changed while it was read',
        );
    }

    /** The bytes that come next, '' at the end. */
    public function next(int $most): string
    {
        while (($piece = $this->pieces[0] ?? null) !== null) {
            [$source, $left] = $piece;
            $count = min($most, $left);
            $bytes = match (true) {
                $count === 0 => '',
                is_string($source) => substr($source, -$left, $count),
                default => (string) Quiet::call(static fn () => stream_get_contents($source, $count)),
            };
            if ($bytes !== '') {
                $this->pieces[0][1] -= strlen($bytes);
                return $bytes;
            }
            $this->drop();
        }
        return '';
    }

    public function close(): void
    {
        while ($this->pieces !== []) {
            $this->drop();
        }
    }

    private function drop(): void
    {
        [$source] = $this->pieces[0];
        $this->pieces = array_slice($this->pieces, 1);
        if (!is_string($source)) {
            fclose($source);
        }
    }
}
