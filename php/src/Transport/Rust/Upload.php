<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Rust;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\NativeLibrary;

/**
 * The body of a request that the library is given in pieces, once.
 *
 * @internal
 */
final class Upload
{
    private const PIECE = 1 << 16;

    /** Bytes that the library has not taken yet. */
    private string $held = '';

    private int $rest = NativeLibrary::MORE;

    private int $read = 0;

    private bool $hasRoom = true;

    private bool $isOver = false;

    private ?\Throwable $failure = null;

    public function __construct(private readonly BodySource $source)
    {
    }

    /** Why the source has no more. */
    public function failure(): ?\Throwable
    {
        return $this->failure;
    }

    public function noteRoom(bool $hasRoom): void
    {
        $this->hasRoom = $this->hasRoom || $hasRoom;
    }

    /**
     * Hands over as much as there is room for. What the source throws breaks the exchange off, and is failure() afterwards.
     *
     * @throws \RuntimeException as NativeLibrary::write()
     */
    public function feed(int $exchange): void
    {
        while ($this->hasRoom && !$this->isOver) {
            if ($this->held === '' && $this->rest === NativeLibrary::MORE) {
                $this->next();
            }
            $result = NativeLibrary::write($exchange, $this->held, $this->rest);
            $this->hasRoom = $result['taken'] === strlen($this->held);
            $this->held = substr($this->held, $result['taken']);
            $this->isOver = $result['status'] !== NativeLibrary::OK || $this->hasRoom && $this->rest !== NativeLibrary::MORE;
        }
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['length' => $this->source->length()];
    }

    /** Reads the next piece, and learns what follows it. */
    private function next(): void
    {
        $length = $this->source->length();
        $most = $length === null ? self::PIECE : min(self::PIECE, $length - $this->read);
        try {
            $bytes = $most > 0 ? $this->source->read($most) : '';
            if (strlen($bytes) > $most) {
                throw OutboundException::malformed('the source of the body gave more bytes than it was asked for');
            }
        } catch (\Throwable $failure) {
            $this->failure = $failure;
            $this->rest = NativeLibrary::BROKEN_OFF;
            return;
        }
        $this->held = $bytes;
        $this->read += strlen($bytes);
        if ($bytes === '' || $this->read === $length) {
            $this->rest = NativeLibrary::LAST;
        }
    }
}
