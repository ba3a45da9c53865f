<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A URL in the canonical form that is matched, sent and logged. Canonicalizer makes it.
 *
 * @internal
 */
final readonly class Target
{
    /** The longest URL, canonical and whole. */
    public const MAX_URL_BYTES = 8192;

    /**
     * @param string $path canonical: percent-encoded, with its slash in front
     * @param string|null $query percent-encoded, without its question mark
     * @throws OutboundException policy.path_not_canonical
     */
    public function __construct(
        public Origin $origin,
        #[\SensitiveParameter] public string $path,
        #[\SensitiveParameter] public ?string $query,
    ) {
        if (strlen($this->text($query)) > self::MAX_URL_BYTES) {
            throw Spelling::notCanonical('the URL is longer than 8192 bytes');
        }
    }

    /** The whole URL as it is sent: with its own query, or with the one that contains credentials. */
    public function text(#[\SensitiveParameter] ?string $query): string
    {
        return $this->origin->text() . $this->path . ($query === null ? '' : '?' . $query);
    }

    /**
     * What dumps show: neither path nor query, which may hold what no log should.
     *
     * @return array{origin: string}
     */
    public function __debugInfo(): array
    {
        return ['origin' => $this->origin->text()];
    }
}
