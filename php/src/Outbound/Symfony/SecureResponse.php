<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\StreamHead;
use Symfony\Contracts\HttpClient\ResponseInterface;

/**
 * A response of Symfony's HttpClientInterface. It is asked for its parts by Exchanges, and by nobody else.
 *
 * @internal
 */
abstract class SecureResponse implements ResponseInterface
{
    private ?StreamedCall $call = null;
    private ?StreamHead $head = null;
    private ?\Throwable $failure = null;
    private bool $isEnded = false;
    private bool $isCanceled = false;
    /** Whether the caller has seen the status, or a failure in its place. */
    private bool $isChecked = false;

    /** @var resource|null */
    private mixed $content = null;
    private bool $isTaken = false;
    private int $offset = 0;
    private int $redirects = 0;
    private ?string $redirectUrl = null;

    /** @var list<string> */
    private array $lines = [];
    private readonly float $begun;

    /** Seconds that something of the same client was waited for, without progress here. */
    public float $idle = 0.0;

    public function __construct(
        private readonly Exchanges $exchanges,
        #[\SensitiveParameter] private ClientRequest $request,
        private readonly ClientOptions $options,
    ) {
        $this->begun = microtime(true);
        // Nothing that a failure keeps may keep this object: if it is dropped, its destructor tells of the failure.
        try {
            $this->call = $this->exchanges->begin($this->request, $this->options);
            $this->progress();
        } catch (\Throwable $thrown) {
            $this->fail($thrown);
        }
        $this->exchanges->open($this);
    }

    public function __destruct()
    {
        if (!$this->isChecked && !$this->isCanceled) {
            // Otherwise nobody would notice that a request has failed.
            $this->getHeaders();
        }
        if (!$this->isEnded && $this->failure === null) {
            $this->call?->cancel();
        }
    }

    final public function getStatusCode(): int
    {
        return $this->initialize()->status;
    }

    final public function getHeaders(bool $throw = true): array
    {
        $headers = [];
        foreach ($this->initialize()->headers as [$name, $value]) {
            $headers[$name][] = $value;
        }
        if ($throw) {
            $this->checkStatus();
        }
        return $headers;
    }

    final public function getContent(bool $throw = true): string
    {
        $this->initialize();
        if ($throw) {
            $this->checkStatus();
        }
        if ($this->isCanceled || ($this->content === null && $this->isTaken)) {
            throw $this->failure ?? new TransportFailure('the content cannot be read twice: it is not buffered');
        }
        $bytes = '';
        if (!$this->isEnded || $this->content === null) {
            foreach ($this->exchanges->chunks([$this], null) as $chunk) {
                $bytes .= $chunk->getContent();
            }
        }
        if ($this->content === null) {
            return $bytes;
        }
        return (string) stream_get_contents($this->content, -1, 0);
    }

    /**
     * @return array<mixed>
     */
    final public function toArray(bool $throw = true): array
    {
        $content = $this->getContent($throw);
        try {
            $value = json_decode($content, true, 512, JSON_BIGINT_AS_STRING | JSON_THROW_ON_ERROR);
        } catch (\JsonException $flaw) {
            throw new DecodingFailure('the body of the response is no JSON: ' . $flaw->getMessage(), 0, $flaw);
        }
        return is_array($value) ? $value : throw new DecodingFailure('the body of the response is no JSON object or array');
    }

    final public function cancel(): void
    {
        if ($this->isCanceled) {
            return;
        }
        $this->isCanceled = true;
        if (!$this->isEnded) {
            $this->call?->cancel();
        }
        $this->failure ??= new TransportFailure('the response has been canceled');
    }

    final public function getInfo(?string $type = null): mixed
    {
        return $type === null ? $this->info() : $this->info()[$type] ?? null;
    }

    /**
     * @return array<string, mixed>
     */
    private function info(): array
    {
        return [
            'canceled' => $this->isCanceled,
            'error' => $this->failure?->getMessage(),
            'http_code' => $this->head->status ?? 0,
            'http_method' => $this->request->method,
            'http_version' => $this->head->httpVersion ?? null,
            'max_connect_duration' => $this->options->maxConnectDuration,
            'max_duration' => $this->options->maxDuration ?? 0.0,
            'redirect_count' => $this->redirects,
            'redirect_url' => $this->redirectUrl,
            'response_headers' => $this->lines,
            'start_time' => $this->begun,
            'url' => $this->request->url(),
            'user_data' => $this->options->userData,
        ];
    }

    /**
     * The next part, if it is there.
     */
    final public function next(): ?Chunk
    {
        if ($this->failure !== null) {
            $this->isChecked = true;
            return Chunk::failure($this->offset, $this->failure);
        }
        if ($this->isEnded) {
            return Chunk::last($this->offset);
        }
        $chunk = null;
        try {
            $chunk = $this->part();
        } catch (\Throwable $thrown) {
            $this->fail($thrown);
        }
        if ($chunk === null && $this->failure !== null) {
            return $this->next();
        }
        if ($chunk !== null) {
            $this->idle = 0.0;
        }
        return $chunk;
    }

    final public function isCanceled(): bool
    {
        return $this->isCanceled;
    }

    final public function call(): ?StreamedCall
    {
        return $this->call;
    }

    final public function idleLimit(): float
    {
        return $this->options->timeout;
    }

    final public function offset(): int
    {
        return $this->offset;
    }

    /** Throws for a status that is none of success, unless the caller has looked at it. */
    final public function checkUnseenStatus(): void
    {
        if (!$this->isChecked && !$this->isCanceled) {
            $this->getHeaders();
        }
    }

    private function part(): ?Chunk
    {
        if ($this->head === null) {
            $head = $this->call?->headNow();
            if ($head === null) {
                return null;
            }
            $this->idle = 0.0;
            $this->remember($head);
            if ($this->isFollowed($head)) {
                return null;
            }
            $this->head = $head;
            $this->prepare();
            $this->progress();
            return Chunk::first();
        }
        $bytes = $this->call?->readNow();
        if ($bytes === null) {
            return null;
        }
        if ($bytes === '') {
            $this->isEnded = true;
            $this->progress();
            return Chunk::last($this->offset);
        }
        $this->isTaken = true;
        if ($this->content !== null && fwrite($this->content, $bytes) !== strlen($bytes)) {
            throw new TransportFailure('the buffer of the response takes no more');
        }
        $chunk = Chunk::data($this->offset, $bytes);
        $this->offset += strlen($bytes);
        $this->progress();
        return $chunk;
    }

    private function remember(StreamHead $head): void
    {
        $this->lines[] = 'HTTP/' . $head->httpVersion . ' ' . $head->status . Phrases::of($head->status);
        foreach ($head->headers as [$name, $value]) {
            $this->lines[] = ucwords($name, '-') . ': ' . $value;
        }
    }

    /**
     * Follows a redirect within the service.
     *
     * @throws OutboundException policy.redirect_not_allowed
     */
    private function isFollowed(StreamHead $head): bool
    {
        $locations = array_column(
            array_filter($head->headers, static fn (array $header): bool => $header[0] === 'location'),
            1,
        );
        if (!in_array($head->status, [301, 302, 303, 307, 308], true) || $locations === []) {
            return false;
        }
        try {
            $next = $this->request->redirected($head->status, $locations[0]);
        } catch (OutboundException) {
            return false;
        }
        if ($this->redirects >= $this->options->maxRedirects) {
            $this->redirectUrl = $next->url();
            return false;
        }
        $this->call = $this->exchanges->follow($this->call, $this->request, $next, $this->options, $head->status);
        $this->request = $next;
        $this->redirects++;
        return true;
    }

    /** Where the body goes. */
    private function prepare(): void
    {
        $buffer = $this->options->buffer;
        if ($buffer instanceof \Closure) {
            $headers = [];
            foreach ($this->head->headers ?? [] as [$name, $value]) {
                $headers[$name][] = $value;
            }
            try {
                $buffer = $buffer($headers);
            } catch (\Throwable $thrown) {
                $this->call?->cancel();
                $this->failure = new TransportFailure($thrown->getMessage(), 0, $thrown);
                return;
            }
        }
        if ($buffer === true) {
            $buffer = fopen('php://temp', 'w+');
        }
        $this->content = is_resource($buffer) ? $buffer : null;
    }

    private function progress(): void
    {
        $listener = $this->options->onProgress;
        if ($listener === null) {
            return;
        }
        $length = array_column($this->head->headers ?? [], 1, 0)['content-length'] ?? 0;
        $listener($this->offset, is_numeric($length) ? (int) $length : 0, $this->info());
    }

    /** The head, once it is there. */
    private function initialize(): StreamHead
    {
        $this->isChecked = true;
        if ($this->head === null) {
            foreach ($this->exchanges->chunks([$this], null) as $chunk) {
                if ($chunk->isFirst()) {
                    break;
                }
            }
        }
        return $this->head ?? throw new TransportFailure('the response has no head');
    }

    private function checkStatus(): void
    {
        match (intdiv($this->head->status ?? 0, 100)) {
            3 => throw new RedirectionFailure($this, $this->head->status ?? 0),
            4 => throw new ClientFailure($this, $this->head->status ?? 0),
            5 => throw new ServerFailure($this, $this->head->status ?? 0),
            default => null,
        };
    }

    /** What is thrown ends the response, and a bug of the caller's passes. */
    private function fail(\Throwable $thrown): void
    {
        $this->failure ??= $thrown instanceof TransportFailure ? $thrown : new TransportFailure($thrown->getMessage(), 0, $thrown);
        $this->call?->cancel();
        if ($thrown instanceof \Error) {
            $this->isChecked = true;
            throw $thrown;
        }
    }
}
