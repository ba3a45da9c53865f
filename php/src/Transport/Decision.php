<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * What a transport will do with a request that it allows.
 *
 * @internal
 */
final readonly class Decision
{
    public ?string $pathTemplate;

    /**
     * @param string $url canonical, with the caller's query: not for logs
     * @param string|null $pathTemplate the pattern of allowed_paths that matched, made printable
     * @param string|null $host of the URL, as its port; null of a library that does not tell them
     * @param int|null $begun when it came in, in nanoseconds of hrtime(), where its transport counts a call's time from there
     */
    public function __construct(
        public string $method,
        #[\SensitiveParameter] public string $url,
        ?string $pathTemplate = null,
        public ?string $host = null,
        public ?int $port = null,
        public ?int $begun = null,
    ) {
        $this->pathTemplate = $pathTemplate === null ? null : Printable::text($pathTemplate);
    }

    /**
     * From the head of a decision. A refusal in it is thrown; what cannot be read, as internal.panic.
     *
     * @internal
     * @throws OutboundException
     */
    public static function fromWire(#[\SensitiveParameter] string $head): self
    {
        $wire = Wire::decode($head);
        if (($wire['allowed'] ?? null) !== true || ($wire['version'] ?? null) !== Wire::VERSION) {
            throw OutboundException::fromWire($wire);
        }
        [$method, $url, $template] = [$wire['method'] ?? null, $wire['url'] ?? null, $wire['path_template'] ?? null];
        [$host, $port] = [$wire['host'] ?? null, $wire['port'] ?? null];
        $isSound = is_string($method) && is_string($url) && ($template === null || is_string($template))
            && ($host === null || is_string($host)) && ($port === null || is_int($port));
        return $isSound ? new self($method, $url, $template, $host, $port) : throw OutboundException::fromWire(null);
    }
}
