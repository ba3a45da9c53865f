<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A base URL that replaces that of a service if the secret of the service has the given suffix. The transport first checks each
 * alternative as if it were the base URL, and then compares the secret.
 *
 * @api
 */
final readonly class Alternative
{
    /** The maximum number of alternatives; no service is known that has more regions. */
    public const MOST = 8;

    /**
     * @param string $secretSuffix 1 to 8 printable ASCII characters without a space
     * @param string $baseUrl absolute, without userinfo, query or fragment
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(public string $secretSuffix, public string $baseUrl)
    {
        if (preg_match('/\A[\x21-\x7E]{1,8}\z/', $secretSuffix) !== 1) {
            throw OutboundException::malformed(
                'the secret_suffix of an alternative must be 1 to 8 printable ASCII characters without a space',
            );
        }
    }

    /**
     * An entry of "alternatives" in the request head.
     *
     * @return array{secret_suffix: string, base_url: string}
     */
    public function toWire(): array
    {
        return ['secret_suffix' => $this->secretSuffix, 'base_url' => $this->baseUrl];
    }

    /**
     * The reverse of toWire(): both keys and no other.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function fromWire(mixed $wire): self
    {
        $suffix = is_array($wire) ? $wire['secret_suffix'] ?? null : null;
        $url = is_array($wire) ? $wire['base_url'] ?? null : null;
        if (!is_array($wire) || count($wire) !== 2 || !is_string($suffix) || !is_string($url)) {
            throw OutboundException::malformed('an alternative is not {"secret_suffix", "base_url"} of two texts');
        }
        return new self($suffix, $url);
    }
}
