<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\HeaderPairs;
use Netresearch\NrVault\Outbound\Call\JsonBody;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Text\Uuid7;
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

    /**
     * A response for tests, which a double of SecureHttpClientInterface can return.
     *
     * @param array<string, string|int|list<string|int>>|list<array{string, string}> $headers
     * @throws OutboundException invalid_request.malformed for header fields in another form
     */
    public static function create(
        int $status = 200,
        array $headers = [],
        #[\SensitiveParameter] string $body = '',
    ): self {
        $pairs = array_map(
            static fn (array $pair): array => [strtolower($pair[0]), $pair[1]],
            HeaderPairs::read($headers),
        );
        $record = [
            'timestamp' => (new \DateTimeImmutable('now', new \DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.v\Z'),
            'status' => $status,
            'bytes_in' => strlen($body),
            'credentials' => [],
            'attempt_errors' => [],
        ];
        $entry = new AuditEntry(Uuid7::generate(), AuditEntry::COMPLETE, AuditEntry::RESPONSE, $record);
        return new self(new ResponseSpec($status, '2', $pairs, $body, $entry->record), $entry);
    }

    /**
     * The same with a JSON body and its content-type.
     *
     * @param array<mixed>|object $value
     * @param array<string, string|int|list<string|int>>|list<array{string, string}> $headers
     * @throws OutboundException invalid_request.malformed
     */
    public static function createJson(
        #[\SensitiveParameter] array|object $value,
        int $status = 200,
        array $headers = [],
    ): self {
        $pairs = HeaderPairs::read($headers);
        if (!HeaderPairs::has($pairs, 'content-type')) {
            $pairs[] = ['content-type', 'application/json'];
        }
        return self::create($status, $pairs, JsonBody::encode($value));
    }

    public function statusCode(): int
    {
        return $this->response->status;
    }

    /** Whether the status is one of 200 to 299. */
    public function isOk(): bool
    {
        return intdiv($this->response->status, 100) === 2;
    }

    /** Whether the status is one of 400 to 499: the request is at fault. */
    public function isClientError(): bool
    {
        return intdiv($this->response->status, 100) === 4;
    }

    /** Whether the status is one of 500 to 599: the API is at fault. */
    public function isServerError(): bool
    {
        return intdiv($this->response->status, 100) === 5;
    }

    /**
     * The header fields by lower-case name, with their values as bytes, in the order of the response. PHP turns a name that is a
     * number into an integer.
     *
     * @return array<array-key, list<string>>
     */
    public function headers(): array
    {
        $headers = [];
        foreach ($this->response->headers as [$name, $value]) {
            $headers[$name][] = $value;
        }
        return $headers;
    }

    /** The values of a field, joined by ", "; null if there is none. The case of the name does not matter. */
    public function header(string $name): ?string
    {
        $values = $this->headers()[strtolower($name)] ?? null;
        return $values === null ? null : implode(', ', $values);
    }

    /** The bytes of the body, with content codings decoded. */
    public function body(): string
    {
        return $this->response->body;
    }

    /**
     * The body as a JSON object or array. An integer beyond 64 bits becomes a string of its digits, because a float would lose
     * some of them.
     *
     * @return array<mixed>
     * @throws OutboundException response.decoding_failed for an empty body, a scalar, invalid UTF-8, other invalid JSON, and for
     *         more than 512 levels
     */
    public function json(): array
    {
        // PHP counts the scalars in the innermost array as another level.
        $value = json_decode($this->response->body, true, 513, JSON_BIGINT_AS_STRING);
        if (!is_array($value)) {
            throw OutboundException::create(
                'response.decoding_failed',
                'the body is no JSON object or array',
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
        $body = $streams->createStream($this->response->body);
        // Some stream factories leave the position at the end of what they have written.
        if ($body->isSeekable()) {
            $body->rewind();
        }
        $response = $responses->createResponse($this->response->status)
            ->withProtocolVersion($this->response->httpVersion)
            ->withBody($body);
        foreach ($this->response->headers as [$name, $value]) {
            $response = $response->withAddedHeader($name, $value);
        }
        return $response;
    }

    /** The entry of this call that the audit sink got. */
    public function audit(): AuditEntry
    {
        return $this->entry;
    }
}
