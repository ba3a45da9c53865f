<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Exception\RequestCancelledException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\StreamInterface;

/**
 * A body that is read while it arrives, with nr-vault's exceptions and codes, and its limit for what is read at once.
 *
 * The parameters have no types, because this class fits both versions of the interface.
 *
 * @internal
 */
final class ArrivingBody implements StreamInterface
{
    /** Bytes that getContents() returns at most. */
    private const MOST = 1 << 24;

    private const PIECE = 1 << 16;

    private const CLOSED = 1790475703;
    private const CANCELLED = 1790475704;
    private const FAILED = 1790475706;
    private const NOT_SEEKABLE = 1790475707;
    private const NOT_WRITABLE = 1790475708;
    private const IDLE = 1790487202;
    private const NEGATIVE = 1790487203;
    private const TOO_LARGE = 1790487205;

    private bool $isClosed = false;

    public function __construct(private readonly StreamInterface $body)
    {
    }

    /**
     * The bytes that follow, at least one, or '' at the end of a whole body.
     *
     * @param int $length at most
     * @throws VaultException for a body that breaks
     */
    public function read($length): string
    {
        if ($this->isClosed) {
            throw new VaultException('the body was closed', self::CLOSED);
        }
        if ($length < 1) {
            return $length === 0 ? '' : throw new VaultException('a negative number of bytes cannot be read', self::NEGATIVE);
        }
        try {
            return $this->body->read($length);
        } catch (OutboundException $failure) {
            throw self::told($failure);
        }
    }

    /**
     * The rest of the body.
     *
     * @throws VaultException for a body that breaks or has more than 16 MiB
     */
    public function getContents(): string
    {
        $contents = '';
        while (($bytes = $this->read(self::PIECE)) !== '') {
            $contents .= $bytes;
            if (strlen($contents) > self::MOST) {
                $this->close();
                throw new VaultException('the body has more than 16 MiB: read it in pieces, by read()', self::TOO_LARGE);
            }
        }
        return $contents;
    }

    /**
     * @throws VaultException
     */
    public function __toString(): string
    {
        return $this->getContents();
    }

    /** Whether the body has ended, and was whole, or was closed. */
    public function eof(): bool
    {
        return $this->isClosed || $this->body->eof();
    }

    public function close(): void
    {
        $this->isClosed = true;
        $this->body->close();
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
        return $this->body->tell();
    }

    public function isSeekable(): bool
    {
        return false;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        throw new VaultException('a response that is read while it arrives cannot be rewound', self::NOT_SEEKABLE);
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
        throw new VaultException('a response cannot be written', self::NOT_WRITABLE);
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

    private static function told(OutboundException $failure): VaultException
    {
        return match ($failure->errorCode()) {
            'cancelled.requested' => new RequestCancelledException(
                'the call was cancelled while its response was read',
                self::CANCELLED,
                $failure,
            ),
            'timeout.idle' => new VaultException($failure->getMessage(), self::IDLE, $failure),
            default => new VaultException($failure->getMessage(), self::FAILED, $failure),
        };
    }
}
