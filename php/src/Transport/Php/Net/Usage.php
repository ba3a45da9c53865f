<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * What the exchanges of a call have used, for its record; an unknown value is null.
 *
 * @internal
 */
final class Usage
{
    /** Body bytes sent. */
    public int $bytesOut = 0;

    /** Body bytes received, before decoding. */
    public int $bytesIn = 0;

    /** The address of the server of the last connection, or of the proxy if there is one. */
    public ?string $remoteAddress = null;

    /** "1.1" or "2", of the last connection. */
    public ?string $httpVersion = null;

    /** Whether a connection was made. */
    public bool $hasConnection = false;

    /**
     * Notes an exchange that had a connection.
     *
     * @param string|null $httpVersion "1.1" or "2"
     */
    public function add(int $bytesOut, int $bytesIn, string $remoteAddress, ?string $httpVersion): void
    {
        $this->bytesOut += $bytesOut;
        $this->bytesIn += $bytesIn;
        $this->remoteAddress = $remoteAddress === '' ? null : $remoteAddress;
        $this->httpVersion = $httpVersion;
        $this->hasConnection = true;
    }
}
