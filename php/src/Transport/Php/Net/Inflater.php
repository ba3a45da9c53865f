<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Decodes gzip or deflate piece by piece. Each stream must be complete, with a valid checksum if it has one, and nothing may
 * follow the last one. gzip may have several members.
 *
 * @internal
 */
final class Inflater
{
    /** A slice of input can become about a thousand times as long, and is in memory before it can be counted. */
    private const SLICE = 512;

    /** The method "deflate" in the lower half of zlib's first byte (RFC 1950). No encoder begins a bare stream like that. */
    private const ZLIB = 8;

    private ?\InflateContext $stream = null;

    /** Bytes of the stream that were taken. */
    private int $taken = 0;

    private bool $begun = false;

    public function __construct(private readonly bool $isGzip)
    {
    }

    /**
     * @return \Generator<int, string, void, bool> the decoded bytes of each slice, which may be empty; false as its return value
     *         if the input is not valid
     */
    public function add(#[\SensitiveParameter] string $input): \Generator
    {
        $position = 0;
        while ($position < strlen($input)) {
            $stream = $this->stream ?? $this->begin($input[$position]);
            if ($stream === null) {
                return false;
            }
            $slice = substr($input, $position, self::SLICE);
            $output = Quiet::call(static fn () => inflate_add($stream, $slice, ZLIB_SYNC_FLUSH));
            if ($output === false) {
                return false;
            }
            $taken = inflate_get_read_len($stream);
            $position += $taken - $this->taken;
            $this->taken = $taken;
            if (inflate_get_status($stream) === ZLIB_STREAM_END) {
                $this->stream = null;
            }
            yield $output;
        }
        return true;
    }

    /** Whether the input may end here. */
    public function isComplete(): bool
    {
        return $this->begun && $this->stream === null;
    }

    /** Begins a stream at its first byte. For "deflate" servers send zlib's format, which is correct, or a bare stream. */
    private function begin(#[\SensitiveParameter] string $first): ?\InflateContext
    {
        if ($this->begun && !$this->isGzip) {
            return null;
        }
        $bare = (ord($first) & 0x0F) === self::ZLIB ? ZLIB_ENCODING_DEFLATE : ZLIB_ENCODING_RAW;
        $stream = inflate_init($this->isGzip ? ZLIB_ENCODING_GZIP : $bare);
        $this->taken = 0;
        $this->begun = true;
        return $this->stream = $stream === false ? null : $stream;
    }
}
