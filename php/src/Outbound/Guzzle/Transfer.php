<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Exception\TransferException;
use GuzzleHttp\TransferStats;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\MessageHeaders;
use Netresearch\NrVault\Outbound\Stream\StreamedBody;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamInterface;

/**
 * One request of Guzzle as a call of a service, with what Guzzle's options ask of a handler.
 *
 * @internal
 */
final class Transfer
{
    private string $body = '';
    private int $received = 0;
    private ?StreamedCall $call = null;
    private ?ResponseInterface $response = null;
    private ?StreamInterface $sink = null;
    private readonly int $begun;
    private float $due;

    /**
     * @param string $id of a service below whose base URL the request's is
     * @param array<mixed> $options
     */
    public function __construct(
        private readonly ServiceCalls $calls,
        private readonly Redirects $redirects,
        private readonly string $id,
        #[\SensitiveParameter] private readonly RequestInterface $request,
        #[\SensitiveParameter] private readonly array $options,
    ) {
        $this->begun = hrtime(true);
        $this->due = 0.0;
    }

    /**
     * What comes before the call.
     *
     * @throws TransferException of the installed version of Guzzle
     */
    public function prepare(): void
    {
        $this->guarded(function (): void {
            OptionRules::check($this->request, $this->options);
            try {
                $this->body = (string) $this->request->getBody();
            } catch (\RuntimeException) {
                throw OutboundException::malformed('the body of the request cannot be read');
            }
            $this->progress(0);
            $this->due = $this->begun / 1e9 + (OptionRules::seconds($this->options, 'delay') ?? 0.0) / 1000;
        });
    }

    /** Whether others can go on while this one is waited for. */
    public function isBesideOthers(): bool
    {
        $isAlone = ($this->options['synchronous'] ?? false) === true && ($this->options['sink'] ?? null) === null;
        $isPatient = OptionRules::seconds($this->options, 'read_timeout') === null;
        return $this->isStream() || !$isPatient || (!$isAlone && $this->calls->hasExchanges($this->id));
    }

    /** Whether the response is wanted while it arrives. */
    private function isInPieces(): bool
    {
        return $this->isStream() || ($this->options['sink'] ?? null) !== null;
    }

    /** Seconds before the call may begin. */
    public function delay(): float
    {
        return max(0.0, $this->due - hrtime(true) / 1e9);
    }

    /** The call, once it has begun. */
    public function call(): ?StreamedCall
    {
        return $this->call;
    }

    /**
     * Makes the call and waits for the whole response.
     *
     * @throws TransferException
     */
    public function whole(): ResponseInterface
    {
        usleep((int) ($this->delay() * 1e6));
        $response = $this->guarded(function (): ResponseInterface {
            $end = $this->calls->call($this->id, $this->request->getMethod(), '', $this->callOptions(), ...$this->message());
            $spec = $end->response;
            $response = Responses::of($this->options, $spec->status, $spec->httpVersion, $spec->headers, $end->entry->record);
            $this->begins($response);
            $this->received = strlen($spec->body);
            $sink = Sink::of($this->options['sink'] ?? null);
            if ($sink === null) {
                return $this->whenWhole($response, Responses::stream($this->options, $spec->body));
            }
            Sink::write($sink, $spec->body);
            return $this->whenWhole($response, $sink);
        });
        $this->stats(null);
        return $response;
    }

    /**
     * Goes on with the call as far as it can be without waiting, and begins it if its time has come.
     *
     * @return ResponseInterface|null null: not yet
     * @throws TransferException
     */
    public function advance(): ?ResponseInterface
    {
        $response = $this->guarded(function (): ?ResponseInterface {
            if ($this->delay() > 0) {
                return null;
            }
            $call = $this->call ??= $this->calls->stream(
                $this->id,
                $this->request->getMethod(),
                '',
                $this->callOptions(),
                ...$this->message(),
                isCollected: !$this->isInPieces(),
            );
            $head = $call->headNow();
            if ($head === null) {
                return null;
            }
            $response = $this->response ?? Responses::of($this->options, $head->status, $head->httpVersion, $head->headers);
            if ($this->response === null) {
                $this->begins($response);
                $this->sink = Sink::of($this->options['sink'] ?? null);
            }
            if ($this->isStream() && $this->sink === null) {
                return $response->withBody(new StreamedBody($call));
            }
            $this->sink ??= Responses::stream($this->options, '');
            while (($bytes = $call->readNow()) !== null) {
                if ($bytes === '') {
                    return $this->whenWhole($response, $this->sink);
                }
                Sink::write($this->sink, $bytes);
                $this->received += strlen($bytes);
            }
            return null;
        });
        if ($response !== null) {
            $this->stats(null);
        }
        return $response;
    }

    /** Ends a call that nobody wants any more. */
    public function cancel(): void
    {
        $this->call?->cancel();
    }

    private function isStream(): bool
    {
        return ($this->options['stream'] ?? false) === true;
    }

    /**
     * @return array<string, mixed>
     */
    private function callOptions(): array
    {
        return [
            'body' => $this->body,
            'timeout' => OptionRules::seconds($this->options, 'timeout'),
            'idleTimeout' => OptionRules::seconds($this->options, 'read_timeout'),
            'connectTimeout' => OptionRules::seconds($this->options, 'connect_timeout'),
        ];
    }

    /**
     * @return array{string, list<array{string, string}>} URL and headers
     */
    private function message(): array
    {
        // A fragment is never sent.
        return [(string) $this->request->getUri()->withFragment(''), MessageHeaders::of($this->request, strlen($this->body))];
    }

    /** What is done as soon as the head is there. */
    private function begins(#[\SensitiveParameter] ResponseInterface $response): void
    {
        $this->response = $response;
        $this->redirects->check($this->request, $response, $this->options);
        $listener = $this->options['on_headers'] ?? null;
        if (!is_callable($listener)) {
            return;
        }
        try {
            $listener($response, $this->request);
        } catch (\Throwable $thrown) {
            throw Failures::request($this->request, 'the callback on_headers has thrown', $response, $thrown);
        }
    }

    private function whenWhole(
        #[\SensitiveParameter] ResponseInterface $response,
        #[\SensitiveParameter] StreamInterface $body,
    ): ResponseInterface {
        $this->progress(strlen($this->body));
        if ($body->isSeekable()) {
            $body->rewind();
        }
        return $this->response = $response->withBody($body);
    }

    private function progress(int $sent): void
    {
        $listener = $this->options['progress'] ?? null;
        if (!is_callable($listener)) {
            return;
        }
        try {
            $isEnd = (bool) $listener($this->received, $this->received, strlen($this->body), $sent);
        } catch (\Throwable $thrown) {
            throw Failures::request($this->request, 'the callback progress has thrown', $this->response, $thrown);
        }
        if ($isEnd) {
            throw Failures::request($this->request, 'the callback progress has ended the transfer', $this->response);
        }
    }

    /**
     * @template T
     * @param \Closure(): T $step
     * @return T
     * @throws TransferException
     */
    private function guarded(\Closure $step): mixed
    {
        try {
            return $step();
        } catch (OutboundException $refusal) {
            $this->response ??= Responses::begun($this->options, $refusal);
            $failure = Failures::of($this->request, $refusal, $this->response);
        } catch (TransferException $ended) {
            $failure = $ended;
        }
        $this->call?->abandon();
        $this->stats($failure);
        throw $failure;
    }

    private function stats(?TransferException $failure): void
    {
        $listener = $this->options['on_stats'] ?? null;
        if (is_callable($listener)) {
            $seconds = (hrtime(true) - $this->begun) / 1e9;
            $listener(new TransferStats($this->request, $this->response, $seconds, $failure));
        }
    }
}
