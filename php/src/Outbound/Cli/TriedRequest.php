<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;
use Netresearch\NrVault\Transport\Php\Policy\Target;

/**
 * A request that is not sent: what a signature would be made of.
 *
 * @internal
 */
final readonly class TriedRequest
{
    /** In place of what is secret. */
    public const SECRET = '[secret]';

    /**
     * @param list<array{string, string}> $headers
     * @param string|null $id its idempotency key
     * @param int $time seconds since 1970
     */
    public function __construct(
        public string $method,
        #[\SensitiveParameter] public Target $target,
        #[\SensitiveParameter] public array $headers,
        #[\SensitiveParameter] public string $body,
        public ?string $id,
        public int $time,
        public string $nonce,
    ) {
    }

    /**
     * A request as it would leave now.
     *
     * @param list<array{string, string}> $headers
     * @throws OutboundException policy.path_not_canonical and others if no URL could be so
     */
    public static function now(
        string $method,
        #[\SensitiveParameter] string $url,
        bool $ofS3,
        #[\SensitiveParameter] array $headers,
        #[\SensitiveParameter] string $body,
        ?string $id,
    ): self {
        [$target] = Destination::read(null, $url, ofS3: $ofS3)->canonical(false);
        $nonce = rtrim(strtr(base64_encode(random_bytes(16)), '+/', '-_'), '=');
        return new self(HeaderRules::method($method), $target, $headers, $body, $id, time(), $nonce);
    }

    /** Host and port as they are sent. */
    public function authority(): string
    {
        return substr($this->target->origin->text(), strlen($this->target->origin->scheme . '://'));
    }
}
