<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Double\StrictHandler;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * How a call ended: with a response or with an exception, and its audit record.
 */
final readonly class Outcome
{
    /**
     * @param list<array{string, string}> $headers
     * @param array<string, mixed>|null $audit null if the call was refused before there was a record
     */
    private function __construct(
        public ?int $status,
        public ?string $httpVersion,
        public array $headers,
        public string $body,
        public ?array $audit,
        public ?string $code,
        public ?string $sent,
        public ?int $httpStatus,
        public ?bool $retryable,
        public ?OutboundException $failure,
    ) {
    }

    /** Sends under the strictest error handler of a host, since no such handler may change how a call ends. */
    public static function of(TransportInterface $transport, RequestSpec $request): self
    {
        try {
            $response = StrictHandler::around(static fn (): ResponseSpec => $transport->send($request));
        } catch (OutboundException $failure) {
            return self::failed($failure);
        }
        return self::answered($response);
    }

    public static function failed(OutboundException $failure): self
    {
        return new self(
            null,
            null,
            [],
            '',
            $failure->auditRecord(),
            $failure->errorCode(),
            $failure->sent(),
            $failure->httpStatus(),
            $failure->isRetryable(),
            $failure,
        );
    }

    /** The code and "sent" of a failure, or the status of a response. */
    public function brief(): string
    {
        return $this->code === null ? (string) $this->status : $this->code . ' ' . $this->sent;
    }

    /**
     * The values of a header, in order.
     *
     * @return list<string>
     */
    public function values(string $name): array
    {
        return array_column(array_filter($this->headers, static fn (array $pair): bool => $pair[0] === $name), 1);
    }

    /** Message of the failure; '' for a response. */
    public function message(): string
    {
        return (string) $this->failure?->getMessage();
    }

    private static function answered(ResponseSpec $response): self
    {
        return new self(
            $response->status,
            $response->httpVersion,
            $response->headers,
            $response->body,
            $response->audit,
            null,
            null,
            null,
            null,
            null,
        );
    }
}
