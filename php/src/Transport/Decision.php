<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * The result of a decision that allows a request.
 *
 * @internal
 */
final readonly class Decision
{
    private const TEXT = '"([^"\\\\\x00-\x1F\x7F-\xFF]*+)"';

    /** A decision whose texts are read as they stand; with others the document is decoded. */
    private const ALLOWED = '/\A\{"version":' . Wire::VERSION . ',"allowed":true,"method":' . self::TEXT . ',"url":' . self::TEXT
        . ',"host":' . self::TEXT . ',"port":([0-9]{1,5}),"path_template":(?:null|' . self::TEXT . ')'
        . '(?:,"http_versions":\["([0-9.]{1,3}(?:","[0-9.]{1,3})*+)"\])?,"error":null,"audit":null\}\z/';

    public ?string $pathTemplate;

    /**
     * @param string $url canonical, with the caller's query: not for logs
     * @param string|null $pathTemplate the pattern of allowed_paths that matched, made printable
     * @param string|null $host host of the URL, as port is its port; null if the library is too old to return them
     * @param list<string>|null $httpVersions the versions of HTTP by which the request may go; null if the library is too old to return
     *        them
     * @param int|null $begun start of the call in nanoseconds of hrtime(), if the transport measures its duration from there
     */
    public function __construct(
        public string $method,
        #[\SensitiveParameter] public string $url,
        ?string $pathTemplate = null,
        public ?string $host = null,
        public ?int $port = null,
        public ?int $begun = null,
        public ?array $httpVersions = null,
    ) {
        $this->pathTemplate = $pathTemplate === null ? null : Printable::text($pathTemplate);
    }

    /**
     * From the head of a decision. A refusal in it is thrown; a head that cannot be read becomes internal.panic.
     *
     * @internal
     * @throws OutboundException
     */
    public static function fromWire(#[\SensitiveParameter] string $head): self
    {
        if (preg_match(self::ALLOWED, $head, $told, PREG_UNMATCHED_AS_NULL) === 1) {
            $versions = $told[6] === null ? null : explode('","', $told[6]);
            return new self($told[1], $told[2], $told[5], $told[3], (int) $told[4], null, $versions);
        }
        $wire = Wire::decode($head);
        if (($wire['allowed'] ?? null) !== true || ($wire['version'] ?? null) !== Wire::VERSION) {
            throw OutboundException::fromWire($wire);
        }
        [$method, $url, $template] = [$wire['method'] ?? null, $wire['url'] ?? null, $wire['path_template'] ?? null];
        [$host, $port, $versions] = [$wire['host'] ?? null, $wire['port'] ?? null, $wire['http_versions'] ?? null];
        $versions = is_array($versions) ? array_values(array_filter($versions, is_string(...))) : null;
        $isSound = is_string($method) && is_string($url) && ($template === null || is_string($template))
            && ($host === null || is_string($host)) && ($port === null || is_int($port));
        return $isSound ? new self($method, $url, $template, $host, $port, null, $versions) : throw OutboundException::fromWire(null);
    }
}
