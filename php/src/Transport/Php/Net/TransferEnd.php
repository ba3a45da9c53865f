<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * How a transfer ended, as libcurl reports it.
 *
 * @internal
 */
final readonly class TransferEnd
{
    /**
     * @param int $error CURLE_…
     * @param string $text libcurl's message; it may contain text of the server, so it is never shown
     * @param int $systemError errno of the last connect
     * @param bool $begun whether CURLINFO_PRETRANSFER_TIME_T is above 0: only then can any of the request have left
     * @param int|null $status of the final response, once its status line was seen
     * @param bool $isHeadWhole whether the final response's head was seen to its end
     * @param bool $isProxied whether a proxy was to make a tunnel
     * @param int $tunnelStatus of the proxy's response to CONNECT; 0 for none
     * @param int $verification X509_V_…, OpenSSL's judgement of the certificate
     * @param bool $connectIsTimed whether connecting had less time than the whole
     * @param string $peer the address that the connection was made to; '' for none
     */
    public function __construct(
        public int $error,
        #[\SensitiveParameter] public string $text = '',
        public int $systemError = 0,
        public bool $begun = false,
        public ?int $status = null,
        public bool $isHeadWhole = false,
        public bool $isProxied = false,
        public int $tunnelStatus = 0,
        public int $verification = 0,
        public bool $connectIsTimed = false,
        public string $peer = '',
    ) {
    }

    /** The "sent" of this transfer, see docs/wire.md. */
    public function sent(): string
    {
        return match (true) {
            !$this->begun => 'no',
            $this->status !== null => 'yes',
            default => 'maybe',
        };
    }

    /** @return array<string, int> what dumps show */
    public function __debugInfo(): array
    {
        return ['error' => $this->error];
    }
}
