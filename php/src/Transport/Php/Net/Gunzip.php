<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Transport\Quiet;

/**
 * Undoes gzip piece by piece: one member or several, each whole, with its checksum, and nothing behind the last.
 *
 * @internal
 */
final class Gunzip
{
    /** What a slice of input can become is about a thousand times as much, which is in memory before anybody counts it. */
    private const SLICE = 4096;

    private ?\InflateContext $member = null;

    /** Bytes of the member that were taken. */
    private int $taken = 0;

    private bool $begun = false;

    /**
     * @return \Generator<int, string, void, bool> what comes out; false at its end where the input is not gzip
     */
    public function add(#[\SensitiveParameter] string $input): \Generator
    {
        $position = 0;
        while ($position < strlen($input)) {
            if ($this->member === null) {
                $this->member = inflate_init(ZLIB_ENCODING_GZIP) ?: null;
                $this->taken = 0;
                $this->begun = true;
                if ($this->member === null) {
                    return false;
                }
            }
            $slice = substr($input, $position, self::SLICE);
            $output = Quiet::call(fn () => inflate_add($this->member, $slice, ZLIB_SYNC_FLUSH));
            if ($output === false) {
                return false;
            }
            $taken = inflate_get_read_len($this->member);
            $position += $taken - $this->taken;
            $this->taken = $taken;
            if (inflate_get_status($this->member) === ZLIB_STREAM_END) {
                $this->member = null;
            }
            if ($output !== '') {
                yield $output;
            }
        }
        return true;
    }

    /** Whether the input may end here. */
    public function isComplete(): bool
    {
        return $this->begun && $this->member === null;
    }
}
