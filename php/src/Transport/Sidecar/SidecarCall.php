<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

/**
 * What has come of a call, and what of its body may be sent. Its connection gives it every frame that has its id.
 *
 * @internal
 */
final class SidecarCall
{
    private const DOCUMENTS = [Frames::HELLO, Frames::DECISION, Frames::RESPONSE, Frames::END];

    /** The documents of these kinds, once they are whole. */
    public ?string $hello = null;
    public ?string $decision = null;
    public ?string $response = null;
    public ?string $end = null;

    /** What was not read yet of the response's body. */
    public string $body = '';

    /** Whether its first byte has come, and its last one. */
    public bool $hasBody = false;
    public bool $isWhole = false;

    /** How much of it has come that credit() was not told of. */
    public int $uncounted = 0;

    /** Whether the last byte of the request's body was sent. */
    public bool $isHandedOver = false;

    /** Why there comes no more of it. */
    public ?ConnectionLost $lost = null;

    /** What may be sent of the request's body. */
    public int $credit = Frames::WINDOW;

    /** @var array<int, string> documents of which a part has come */
    private array $parts = [];

    private int $taken = 0;

    public function __construct(public readonly Connection $connection, public readonly int $id)
    {
    }

    /**
     * Takes a frame.
     *
     * @return bool false for one that cannot come
     */
    public function take(int $kind, bool $isLast, #[\SensitiveParameter] string $payload): bool
    {
        if ($kind === Frames::BODY && $this->response !== null && !$this->isWhole) {
            $this->body = $this->body === '' ? $payload : $this->body . $payload;
            $this->hasBody = $this->hasBody || $payload !== '';
            $this->isWhole = $isLast;
            $this->uncounted += strlen($payload);
            return true;
        }
        if ($kind === Frames::CREDIT) {
            $this->credit += Frames::number($payload);
            return $this->credit <= Frames::WINDOW;
        }
        if (!in_array($kind, self::DOCUMENTS, true)) {
            return false;
        }
        $document = ($this->parts[$kind] ?? '') . $payload;
        if (!$isLast) {
            $this->parts[$kind] = $document;
            return true;
        }
        unset($this->parts[$kind]);
        match ($kind) {
            Frames::HELLO => $this->hello = $document,
            Frames::DECISION => $this->decision = $document,
            Frames::RESPONSE => $this->response = $document,
            default => $this->end = $document,
        };
        return true;
    }

    /** Gives credit for so many bytes of the response's body. */
    public function credit(int $bytes): void
    {
        $this->uncounted -= $bytes;
        $this->taken += $bytes;
        if (!$this->isWhole && $this->taken >= Frames::WINDOW / 2 && $this->connection->has($this)) {
            $this->connection->put(Frames::piece(Frames::CREDIT, $this->id, pack('N', $this->taken), true));
            $this->taken = 0;
        }
    }

    /** Whether the sidecar has not taken it, so that another one may. */
    public function isUntaken(): bool
    {
        return $this->lost !== null && !$this->lost->isLate
            && (!$this->isHandedOver || ($this->lost->taken !== null && $this->lost->taken < $this->id));
    }

    /**
     * @return array<string, mixed> what dumps show
     */
    public function __debugInfo(): array
    {
        return ['id' => $this->id];
    }

    /** Whether nothing more will come. */
    public function isOver(): bool
    {
        return $this->lost !== null || $this->end !== null;
    }
}
