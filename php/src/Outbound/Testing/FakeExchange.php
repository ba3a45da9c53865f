<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\StreamHead;

/**
 * A call of FakeTransport: its response is there at once.
 *
 * @internal
 */
final class FakeExchange implements ExchangeInterface
{
    private int $at = 0;
    private ?OutboundException $cut = null;

    public function __construct(private readonly ResponseSpec $response)
    {
    }

    public function head(): StreamHead
    {
        return new StreamHead($this->response->status, $this->response->httpVersion, $this->response->headers);
    }

    public function read(int $max): string
    {
        if ($this->cut !== null) {
            throw $this->cut;
        }
        $bytes = substr($this->response->body, $this->at, $max);
        $this->at += strlen($bytes);
        return $bytes;
    }

    public function cancel(): void
    {
        $this->cut('cancelled.requested');
    }

    public function end(): array
    {
        if ($this->at < strlen($this->response->body)) {
            $this->cut('cancelled.abandoned');
        }
        return $this->cut?->auditRecord() ?? AuditText::read($this->response->record());
    }

    private function cut(string $code): void
    {
        $this->cut ??= OutboundException::create(
            $code,
            'made by a test',
            sent: 'yes',
            httpStatus: $this->response->status,
            auditRecord: array_replace(
                AuditText::read($this->response->record()),
                ['error_class' => 'cancelled', 'error_code' => $code],
            ),
        );
    }
}
