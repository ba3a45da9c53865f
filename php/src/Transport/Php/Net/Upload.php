<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;

/**
 * The body of a request that libcurl reads in pieces, once.
 *
 * @internal
 */
final class Upload
{
    /** CURL_READFUNC_ABORT, which not every ext-curl has. */
    private const ABORT = 0x10000000;

    private int $taken = 0;
    private bool $hasBegun = false;
    private bool $hasProgressed = false;
    private ?\Throwable $failure = null;

    /**
     * @param ByteLimit $cap of a body whose length is not known
     */
    public function __construct(private readonly BodySource $source, private readonly ByteLimit $cap)
    {
    }

    public function length(): ?int
    {
        return $this->source->length();
    }

    /** Whether a piece was asked for, so that the body cannot be sent again. */
    public function hasBegun(): bool
    {
        return $this->hasBegun;
    }

    /** Bytes that libcurl has taken. */
    public function taken(): int
    {
        return $this->taken;
    }

    /** Why no more can be sent. */
    public function failure(): ?\Throwable
    {
        return $this->failure;
    }

    /** Whether bytes were taken since the last question. */
    public function hasProgressed(): bool
    {
        $hasProgressed = $this->hasProgressed;
        $this->hasProgressed = false;
        return $hasProgressed;
    }

    /** @return string|int as CURLOPT_READFUNCTION has it */
    public function read(int $max): string|int
    {
        $this->hasBegun = true;
        $length = $this->length();
        $most = $length === null ? $max : min($max, $length - $this->taken);
        if ($most <= 0) {
            return '';
        }
        try {
            $bytes = $this->source->read($most);
            $this->check($bytes, $most, $length);
        } catch (\Throwable $failure) {
            $this->failure = $failure;
            return self::ABORT;
        }
        $this->hasProgressed = true;
        return $bytes;
    }

    /**
     * @throws OutboundException
     */
    private function check(#[\SensitiveParameter] string $bytes, int $most, ?int $length): void
    {
        $this->taken += strlen($bytes);
        if (strlen($bytes) > $most) {
            throw OutboundException::malformed('the source of the body gave more bytes than it was asked for');
        }
        if ($bytes === '' && $length !== null) {
            throw OutboundException::malformed("the source of the body ended after $this->taken of $length bytes");
        }
        if ($this->taken > $this->cap->bytes) {
            throw OutboundException::create('policy.request_too_large', $this->cap->exceededBy("the request's body"));
        }
    }
}
