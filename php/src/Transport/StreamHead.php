<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * The head of a response whose body is read in pieces: the final response's, after attempts and redirects.
 *
 * @internal
 */
final readonly class StreamHead
{
    /**
     * @param int $status 100 to 999
     * @param string $httpVersion "1.1" or "2"
     * @param list<array{string, string}> $headers lower-case names and values in order; a value is bytes. Without content-length
     *        and content-encoding if a content coding is undone
     */
    public function __construct(
        public int $status,
        public string $httpVersion,
        #[\SensitiveParameter] public array $headers,
    ) {
        if ($status < 100 || $status > 999 || Pairs::read($headers) === null) {
            throw new \InvalidArgumentException('the status or the headers of a response are impossible');
        }
    }

    /**
     * @throws OutboundException internal.panic for a document that is no head
     */
    public static function fromWire(#[\SensitiveParameter] string $document): self
    {
        $wire = Wire::decode($document);
        $headers = Wire::headersFromWire($wire['headers'] ?? null);
        [$status, $version] = [$wire['status'] ?? null, $wire['http_version'] ?? null];
        if (!is_int($status) || !is_string($version) || $headers === null) {
            throw OutboundException::fromWire(null);
        }
        return new self($status, $version, $headers);
    }
}
