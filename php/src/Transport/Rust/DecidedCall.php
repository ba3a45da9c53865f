<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Rust;

use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * A call that the library has allowed and stores until it is sent, or until this object is destroyed.
 *
 * @internal
 */
final class DecidedCall
{
    /**
     * @param int $number of NativeLibrary::decide(); 0 if the library stores none
     * @param list<CredentialReference> $references of the credentials in the decision
     * @param int $bodyLength of its body
     */
    public function __construct(
        private int $number,
        private readonly array $references,
        private readonly int $bodyLength,
    ) {
    }

    public function __destruct()
    {
        if ($this->number !== 0) {
            NativeLibrary::freeDecided($this->number);
        }
    }

    /** Whether a request has the credentials, and a body of the length, that were decided about. */
    public function isOf(#[\SensitiveParameter] RequestSpec $request, ?BodySource $body = null): bool
    {
        $length = $body === null ? strlen($request->body) : $body->length() ?? $this->bodyLength;
        return $length === $this->bodyLength && $request->references() === $this->references;
    }

    /**
     * Begins it. After that, the library does not store it any more.
     *
     * @return array{status: int, exchange: int, head: string}
     * @throws \RuntimeException as NativeLibrary::startDecided() or startDecidedUpload()
     */
    public function start(
        #[\SensitiveParameter] string|BodySource $body,
        #[\SensitiveParameter] string $sealed,
        bool $isWhole,
    ): array {
        $number = $this->number;
        $this->number = 0;
        return is_string($body)
            ? NativeLibrary::startDecided($number, $body, $sealed, $isWhole)
            : NativeLibrary::startDecidedUpload($number, $body->length() ?? -1, $sealed, $isWhole);
    }

    /**
     * Sends it. After that, the library does not store it any more.
     *
     * @return array{status: int, head: string, body: string|null}
     * @throws \RuntimeException as NativeLibrary::sendDecided()
     */
    public function send(
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] string $sealed,
        int $room,
    ): array {
        $number = $this->number;
        $this->number = 0;
        return NativeLibrary::sendDecided($number, $body, $sealed, $room);
    }
}
