<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;

/**
 * The body of a request on its way to the sidecar.
 *
 * @internal
 */
final class Upload
{
    private int $at = 0;

    private bool $isOver = false;

    /**
     * @param string $body the whole body, or that of $source which was read before
     * @param BodySource|null $source where the body is read from while it is sent; its length is $length
     */
    public function __construct(
        #[\SensitiveParameter] private readonly string $body,
        private readonly ?BodySource $source,
        private readonly int $length,
    ) {
    }

    /** Whether all of it was sent. */
    public function isOver(): bool
    {
        return $this->isOver;
    }

    /** Whether it can be sent once more, to another sidecar. */
    public function isRepeatable(): bool
    {
        return $this->source === null || $this->at === 0;
    }

    /** Begins with the first byte again. */
    public function rewind(): void
    {
        [$this->at, $this->isOver] = [0, false];
    }

    /**
     * The next frames of it, as far as there is credit; '' where there is none, or all of it was sent.
     *
     * @throws OutboundException invalid_request.malformed for a source that has not as much as it said
     * @throws \Throwable what the source throws
     */
    public function frames(#[\SensitiveParameter] SidecarCall $call): string
    {
        $frames = '';
        while (!$this->isOver && strlen($frames) < Frames::BURST) {
            $most = min(Frames::PAYLOAD_BYTES, $this->length - $this->at, $call->credit);
            if ($most === 0 && $this->at < $this->length) {
                break;
            }
            $piece = $this->source === null ? substr($this->body, $this->at, $most) : self::read($this->source, $most);
            $this->at += strlen($piece);
            $call->credit -= strlen($piece);
            $this->isOver = $this->at === $this->length;
            if ($this->isOver && $this->source !== null && $this->source->read(1) !== '') {
                throw self::malformed();
            }
            $frames .= Frames::piece(Frames::BODY, $call->id, $piece, $this->isOver);
        }
        $call->isHandedOver = $this->isOver;
        return $frames;
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['length' => $this->length];
    }

    private static function read(BodySource $source, int $most): string
    {
        $piece = $most === 0 ? '' : $source->read($most);
        if (strlen($piece) > $most) {
            throw OutboundException::malformed('the source of the body gave more bytes than it was asked for');
        }
        return $piece !== '' || $most === 0 ? $piece : throw self::malformed();
    }

    private static function malformed(): OutboundException
    {
        return OutboundException::malformed('the body of the request is not as long as was said');
    }
}
