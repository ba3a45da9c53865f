<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stream;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\StreamHead;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * A response whose body is read while it arrives, whatever its status. The call ends, and its record is written, when the body is
 * read to its end, when it breaks, by cancel() or by close() of the body, or when the response and its body are destroyed.
 *
 * @api
 */
final readonly class StreamedResponse
{
    private const LINE = 1 << 20;

    private StreamedBody $body;

    /**
     * @internal
     */
    public function __construct(private StreamHead $head, private StreamedCall $call)
    {
        $this->body = new StreamedBody($call);
        $this->body->fill();
    }

    public function statusCode(): int
    {
        return $this->head->status;
    }

    /** Whether the status is one of 200 to 299. */
    public function isOk(): bool
    {
        return intdiv($this->head->status, 100) === 2;
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
        foreach ($this->head->headers as [$name, $value]) {
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

    /** The body, with content codings undone. body(), lines() and events() read the same bytes: use one of them. */
    public function body(): StreamedBody
    {
        return $this->body;
    }

    /**
     * The lines of the body without their ends, CRLF or LF, each as soon as it is whole. The last one needs no end.
     *
     * @param int $maxBytes of one line
     * @return \Generator<int, string>
     * @throws OutboundException response.too_large for a longer line, and why the body is not whole
     */
    public function lines(int $maxBytes = self::LINE): \Generator
    {
        $rest = '';
        while (($bytes = $this->body->read(PHP_INT_MAX)) !== '') {
            $lines = explode("\n", $rest . $bytes);
            $rest = array_pop($lines);
            foreach ([...$lines, $rest] as $line) {
                if (strlen($line) > $maxBytes) {
                    throw $this->call->refuse(OutboundException::create(
                        'response.too_large',
                        'a line of the response has more than ' . $maxBytes . ' bytes; lines() takes another limit',
                    ));
                }
            }
            foreach ($lines as $line) {
                yield str_ends_with($line, "\r") ? substr($line, 0, -1) : $line;
            }
        }
        if ($rest !== '') {
            yield $rest;
        }
    }

    /**
     * The server-sent events of the body, by the HTML standard, each as soon as it is whole. One that the end of the stream cuts off
     * is left out, as the standard says. Media type and status are not looked at.
     *
     * @param int $maxBytes of one event
     * @return \Generator<int, ServerSentEvent>
     * @throws OutboundException response.event_too_large, and why the body is not whole
     */
    public function events(int $maxBytes = self::LINE): \Generator
    {
        $parser = new EventParser($maxBytes);
        while (($bytes = $this->body->read(PHP_INT_MAX)) !== '') {
            try {
                foreach ($parser->push($bytes) as $event) {
                    yield $event;
                }
            } catch (OutboundException $failure) {
                throw $failure->errorCode() === 'response.event_too_large' ? $this->call->refuse($failure) : $failure;
            }
        }
    }

    /** Ends the call, if it has not ended: its record then has cancelled.requested, and reading on throws. */
    public function cancel(): void
    {
        $this->call->cancel();
    }

    /**
     * Ends a call whose response cannot be taken.
     *
     * @internal
     */
    public function refuse(OutboundException $failure): OutboundException
    {
        return $this->call->refuse($failure);
    }

    /**
     * The response without its body, after its end.
     *
     * @internal
     */
    public function withoutBody(): ResponseSpec
    {
        $record = $this->call->entry() ?? throw new \LogicException('the call has not ended');
        return new ResponseSpec($this->head->status, $this->head->httpVersion, $this->head->headers, '', $record->record);
    }

    public function toPsrResponse(ResponseFactoryInterface $responses): ResponseInterface
    {
        $response = $responses->createResponse($this->head->status)
            ->withProtocolVersion($this->head->httpVersion)
            ->withBody($this->body);
        foreach ($this->head->headers as [$name, $value]) {
            $response = $response->withAddedHeader($name, $value);
        }
        return $response;
    }

    /** The entry of this call that the audit sink got; null while the call has not ended. */
    public function audit(): ?AuditEntry
    {
        return $this->call->entry();
    }
}
