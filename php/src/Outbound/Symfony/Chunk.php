<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\ChunkInterface;

/**
 * A part of a response: its head, bytes of its body, its end, or the failure to get on. A failure that nobody looks at is thrown
 * when the next part is wanted.
 *
 * @internal
 */
final class Chunk implements ChunkInterface
{
    private const FIRST = 'first';
    private const DATA = 'data';
    private const LAST = 'last';

    private bool $isChecked = false;

    private function __construct(
        private readonly string $kind,
        private readonly int $offset,
        #[\SensitiveParameter] private readonly string $content = '',
        private readonly ?\Throwable $failure = null,
        private readonly bool $isTimeout = false,
    ) {
    }

    public static function first(): self
    {
        return new self(self::FIRST, 0);
    }

    public static function data(int $offset, #[\SensitiveParameter] string $content): self
    {
        return new self(self::DATA, $offset, $content);
    }

    public static function last(int $offset): self
    {
        return new self(self::LAST, $offset);
    }

    /** A time without progress, after which the response can go on. */
    public static function timeout(int $offset, TimeoutFailure $failure): self
    {
        return new self(self::DATA, $offset, '', $failure, true);
    }

    public static function failure(int $offset, \Throwable $failure): self
    {
        return new self(self::DATA, $offset, '', $failure);
    }

    public function isTimeout(): bool
    {
        $this->isChecked = true;
        if ($this->failure !== null && !$this->isTimeout) {
            throw $this->failure;
        }
        return $this->isTimeout;
    }

    public function isFirst(): bool
    {
        $this->check();
        return $this->kind === self::FIRST;
    }

    public function isLast(): bool
    {
        $this->check();
        return $this->kind === self::LAST;
    }

    /**
     * Interim responses are not handed over.
     *
     * @return array<mixed>|null
     */
    public function getInformationalStatus(): ?array
    {
        $this->check();
        return null;
    }

    public function getContent(): string
    {
        $this->check();
        return $this->content;
    }

    public function getOffset(): int
    {
        return $this->offset;
    }

    public function getError(): ?string
    {
        $this->isChecked = true;
        return $this->failure?->getMessage();
    }

    /** Whether it is the head; this is no look at it. */
    public function isHead(): bool
    {
        return $this->kind === self::FIRST;
    }

    /** Whether nothing comes after it; this is no look at it. */
    public function isEnd(): bool
    {
        return $this->failure !== null || $this->kind === self::LAST;
    }

    /** Throws a failure that nobody has looked at. */
    public function end(): void
    {
        if (!$this->isChecked) {
            $this->check();
        }
    }

    private function check(): void
    {
        $this->isChecked = true;
        if ($this->failure !== null) {
            throw $this->failure;
        }
    }
}
