<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stream;

use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\StreamInterface;

/**
 * The body of a response, read while it arrives. It cannot be rewound. A body that breaks throws an OutboundException, and never
 * looks like a shorter one.
 *
 * The parameters have no types, because this class fits both versions of the interface.
 *
 * @api
 */
final class StreamedBody implements StreamInterface
{
    private string $buffer = '';
    private int $at = 0;
    private int $before = 0;
    private bool $isAtEnd = false;
    private bool $isClosed = false;

    /**
     * @internal
     */
    public function __construct(private readonly StreamedCall $call)
    {
    }

    /**
     * The bytes that follow, at least one, or '' at the end of a whole body.
     *
     * @param int $length at most
     * @throws OutboundException
     */
    public function read($length): string
    {
        if ($length < 1) {
            throw new \InvalidArgumentException('at least one byte is read');
        }
        if ($this->at === strlen($this->buffer) && !$this->fill()) {
            return '';
        }
        $bytes = substr($this->buffer, $this->at, $length);
        $this->at += strlen($bytes);
        return $bytes;
    }

    /** Waits for the next bytes, so that a following read() does not. At the end of the body nothing changes. */
    public function fill(): bool
    {
        if ($this->isClosed) {
            throw new \RuntimeException('the stream was closed');
        }
        if ($this->at < strlen($this->buffer)) {
            return true;
        }
        $this->before += strlen($this->buffer);
        [$this->buffer, $this->at] = ['', 0];
        $this->buffer = $this->isAtEnd ? '' : $this->call->read();
        $this->isAtEnd = $this->buffer === '';
        return !$this->isAtEnd;
    }

    /** Whether the body has ended, and was whole. */
    public function eof(): bool
    {
        return $this->isAtEnd;
    }

    /**
     * The rest of the body.
     *
     * @throws OutboundException
     */
    public function getContents(): string
    {
        $contents = '';
        while (($bytes = $this->read(PHP_INT_MAX)) !== '') {
            $contents .= $bytes;
        }
        return $contents;
    }

    /**
     * @throws OutboundException
     */
    public function __toString(): string
    {
        return $this->getContents();
    }

    /** Ends the call, if it has not ended: its record then has cancelled.abandoned. */
    public function close(): void
    {
        if (!$this->isClosed) {
            [$this->isClosed, $this->buffer, $this->at] = [true, '', 0];
            $this->call->abandon();
        }
    }

    public function detach()
    {
        $this->close();
        return null;
    }

    public function getSize(): ?int
    {
        return null;
    }

    public function tell(): int
    {
        return $this->before + $this->at;
    }

    public function isSeekable(): bool
    {
        return false;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        throw new \RuntimeException('a response that is read while it arrives cannot be rewound');
    }

    public function rewind(): void
    {
        $this->seek(0);
    }

    public function isWritable(): bool
    {
        return false;
    }

    public function write($string): int
    {
        throw new \RuntimeException('a response cannot be written');
    }

    public function isReadable(): bool
    {
        return !$this->isClosed;
    }

    /**
     * @param string|null $key
     * @return array{}|null
     */
    public function getMetadata($key = null): ?array
    {
        return $key === null ? [] : null;
    }
}
