<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Joins strings and open files to one string.
 *
 * To append to a long string copies it, and a file that is read first is in memory twice. PHP reads a stream of known length into
 * one string of that length, so join() offers the pieces as such a stream.
 *
 * @internal
 */
final class StringBuilder
{
    /** @var list<array{string|resource, int}> each with its remaining length */
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
     * All pieces as one string. Bytes that were appended to a file after add() are not included.
     *
     * @throws OutboundException invalid_request.malformed if a file has become shorter
     */
    public function join(): string
    {
        $joined = '';
        if (function_exists('stream_wrapper_register') && function_exists('stream_wrapper_unregister')) {
            $joined = (string) StringBuilderStream::read($this);
        } else {
            // If disable_functions names these functions, a second copy is needed.
            while (($bytes = $this->next(PHP_INT_MAX)) !== '') {
                $joined .= $bytes;
            }
        }
        return strlen($joined) === $this->length ? $joined : throw OutboundException::malformed(
            'the file of a form part could not be read to its end, or was changed while it was read',
        );
    }

    /** The next bytes; '' at the end. */
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
