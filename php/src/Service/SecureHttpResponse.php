<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ResponseSpec;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * The response to a call, whatever its status.
 *
 * @api
 */
final readonly class SecureHttpResponse
{
    /**
     * @internal
     */
    public function __construct(private ResponseSpec $response, private AuditEntry $entry)
    {
    }

    public function statusCode(): int
    {
        return $this->response->status;
    }

    /**
     * By lower-case name, the values in the order in which they came, as bytes.
     *
     * @return array<string, list<string>>
     */
    public function headers(): array
    {
        $headers = [];
        foreach ($this->response->headers as [$name, $value]) {
            $headers[$name][] = $value;
        }
        return $headers;
    }

    /** The values of a header, joined by ", "; null where there is none. The name's case does not matter. */
    public function header(string $name): ?string
    {
        $values = $this->headers()[strtolower($name)] ?? null;
        return $values === null ? null : implode(', ', $values);
    }

    /** Raw bytes, content codings undone. */
    public function body(): string
    {
        return $this->response->body;
    }

    /**
     * The body as a JSON object or array. An integer beyond 64 bits is the text of its digits: a float would lose some.
     *
     * @return array<mixed>
     * @throws OutboundException response.decoding_failed for an empty body, a scalar, bad UTF-8, other bad JSON, and
     *         what is nested deeper than 512
     */
    public function json(): array
    {
        // PHP counts the scalars inside the innermost array as one level more.
        $value = json_decode($this->response->body, true, 513, JSON_BIGINT_AS_STRING);
        if (!is_array($value)) {
            throw OutboundException::create(
                'response.decoding_failed',
                'The body is no JSON object or array.',
                sent: 'yes',
                httpStatus: $this->response->status,
                auditRecord: $this->entry->record,
            );
        }
        return $value;
    }

    public function toPsrResponse(
        ResponseFactoryInterface $responses,
        StreamFactoryInterface $streams,
    ): ResponseInterface {
        $response = $responses->createResponse($this->response->status)
            ->withProtocolVersion($this->response->httpVersion)
            ->withBody($streams->createStream($this->response->body));
        foreach ($this->response->headers as [$name, $value]) {
            $response = $response->withAddedHeader($name, $value);
        }
        return $response;
    }

    /** What the audit sink was given of this call. */
    public function audit(): AuditEntry
    {
        return $this->entry;
    }
}
