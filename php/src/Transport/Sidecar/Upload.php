<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;

/**
 * The body of a request on its way to the sidecar. One that is read from a source is sent on by the sidecar while it arrives, once.
 *
 * @internal
 */
final class Upload
{
    private int $at = 0;

    private bool $isOver = false;

    private ?\Throwable $failure = null;

    private readonly ?int $length;

    /**
     * @param string $body the whole body
     * @param BodySource|null $source where the body is read from instead, while it is sent
     */
    public function __construct(
        #[\SensitiveParameter] private readonly string $body,
        private readonly ?BodySource $source = null,
    ) {
        $this->length = $source === null ? strlen($body) : $source->length();
    }

    /**
     * What the document of the call says of it.
     *
     * @return array{body_bytes: int|null, body?: string}
     */
    public function description(): array
    {
        return ['body_bytes' => $this->length] + ($this->source === null ? [] : ['body' => 'pieces']);
    }

    /** Whether all of it was sent. */
    public function isOver(): bool
    {
        return $this->isOver;
    }

    /** Whether it can be sent once more, to another sidecar. */
    public function isRepeatable(): bool
    {
        return $this->source === null || ($this->at === 0 && $this->failure === null);
    }

    /** Why its source has no more. */
    public function failure(): ?\Throwable
    {
        return $this->failure;
    }

    /** Begins with the first byte again. The sidecar makes a call whose body comes in pieces with the first frame of it. */
    public function begin(#[\SensitiveParameter] SidecarCall $call): string
    {
        [$this->at, $this->isOver] = [0, false];
        if ($this->source === null) {
            return '';
        }
        $call->isHandedOver = true;
        return Frames::piece(Frames::BODY, $call->id, '', false);
    }

    /**
     * The next frames of it, as far as there is credit; '' where there is none, or all of it was sent, or its source has failed.
     */
    public function frames(#[\SensitiveParameter] SidecarCall $call): string
    {
        $frames = '';
        while (!$this->isOver && $this->failure === null && strlen($frames) < Frames::BURST) {
            $left = $this->length === null ? Frames::PAYLOAD_BYTES : $this->length - $this->at;
            $most = min(Frames::PAYLOAD_BYTES, $left, $call->credit);
            if ($most === 0 && $left > 0) {
                break;
            }
            try {
                $piece = $this->source === null ? substr($this->body, $this->at, $most) : self::read($this->source, $most);
            } catch (\Throwable $failure) {
                // What came before goes out first.
                $this->failure = $failure;
                break;
            }
            $this->at += strlen($piece);
            $call->credit -= strlen($piece);
            $this->isOver = $piece === '' || $this->at === $this->length;
            $frames .= Frames::piece(Frames::BODY, $call->id, $piece, $this->isOver);
        }
        $call->isHandedOver = $call->isHandedOver || $this->isOver;
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
        return $piece;
    }
}
