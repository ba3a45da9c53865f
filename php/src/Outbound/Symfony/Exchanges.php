<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The calls of a client that have begun: it starts them, waits for several, and hands out what comes.
 *
 * @internal
 */
final class Exchanges
{
    /** Milliseconds of one wait. */
    private const STEP = 100;

    /** @var \WeakMap<SecureResponse, true> */
    private \WeakMap $open;

    public function __construct(private readonly ServiceCalls $calls, private readonly ServiceMatch $match)
    {
        $this->open = new \WeakMap();
    }

    public function open(SecureResponse $response): void
    {
        $this->open[$response] = true;
    }

    /**
     * @throws OutboundException
     */
    public function begin(#[\SensitiveParameter] ClientRequest $request, ClientOptions $options): StreamedCall
    {
        $id = $options->service ?? $this->match->placeholder($request->headers, static fn (): string => $request->body);
        $service = $id === null ? $this->match->byUrl($request->url()) : $this->match->named($id, $request->url());
        return $this->calls->stream(
            $service->id,
            $request->method,
            '',
            [
                'body' => $request->body,
                'timeout' => $options->maxDuration,
                'connectTimeout' => $options->maxConnectDuration > 0 ? $options->maxConnectDuration : null,
            ],
            $request->url(),
            $request->headers,
        );
    }

    /**
     * Begins the request that a redirect asks for, if it stays in the service: otherwise a server would choose which credential it
     * gets.
     *
     * @throws OutboundException policy.redirect_not_allowed
     */
    public function follow(
        ?StreamedCall $done,
        #[\SensitiveParameter] ClientRequest $from,
        #[\SensitiveParameter] ClientRequest $next,
        ClientOptions $options,
        int $status,
    ): StreamedCall {
        // A redirect has no body that anybody reads.
        while ($done !== null && (string) $done->readNow() !== '') {
            continue;
        }
        $done?->abandon();
        if ($this->isOfSameService($from, $next, $options)) {
            return $this->begin($next, $options);
        }
        throw OutboundException::create(
            'policy.redirect_not_allowed',
            'the response redirects out of the service; with max_redirects 0 it is handed over',
            sent: 'yes',
            httpStatus: $status,
        );
    }

    private function isOfSameService(
        #[\SensitiveParameter] ClientRequest $from,
        #[\SensitiveParameter] ClientRequest $next,
        ClientOptions $options,
    ): bool {
        try {
            $id = $options->service ?? $this->match->placeholder($from->headers, static fn (): string => $from->body);
            return $id !== null
                ? $this->match->named($id, $next->url())->id === $id
                : $this->match->byUrl($from->url())->id === $this->match->byUrl($next->url())->id;
        } catch (OutboundException) {
            return false;
        }
    }

    /**
     * @param list<SecureResponse> $responses
     * @param float|null $timeout seconds without progress; null: each response's own
     * @return \Generator<SecureResponse, Chunk>
     */
    public function chunks(array $responses, ?float $timeout): \Generator
    {
        while ($responses !== []) {
            $isProgress = false;
            foreach ($responses as $key => $response) {
                $chunk = $response->next();
                if ($chunk === null) {
                    continue;
                }
                $isProgress = true;
                if ($chunk->isEnd()) {
                    unset($responses[$key]);
                }
                $wasCanceled = $response->isCanceled();
                yield $response => $chunk;
                if (!$wasCanceled && $response->isCanceled()) {
                    unset($responses[$key]);
                    continue;
                }
                $chunk->end();
                if ($chunk->isHead()) {
                    $response->checkUnseenStatus();
                }
            }
            if ($isProgress) {
                continue;
            }
            $ready = $this->wait($responses, $timeout);
            foreach ($responses as $key => $response) {
                $limit = $timeout ?? $response->idleLimit();
                if ($response->idle < $limit || in_array($response->call(), $ready, true)) {
                    continue;
                }
                $response->idle = 0.0;
                unset($responses[$key]);
                $chunk = Chunk::timeout($response->offset(), new TimeoutFailure("nothing came for $limit seconds"));
                yield $response => $chunk;
                $chunk->end();
            }
        }
    }

    /**
     * Waits for one of these responses, at most until the first of them has been without progress for too long. All open responses
     * of the client go on meanwhile, so the time counts for all.
     *
     * @param array<int, SecureResponse> $responses
     * @return list<StreamedCall> that have something
     */
    private function wait(array $responses, ?float $timeout): array
    {
        $left = self::STEP / 1000;
        $calls = [];
        foreach ($responses as $response) {
            $left = min($left, max(0.0, ($timeout ?? $response->idleLimit()) - $response->idle));
            if ($response->call() !== null) {
                $calls[] = $response->call();
            }
        }
        $begun = hrtime(true);
        $ready = StreamedCall::waitFor($calls, (int) ceil($left * 1000));
        $passed = (hrtime(true) - $begun) / 1e9;
        foreach ($this->open as $response => $isOpen) {
            $response->idle += $passed;
        }
        return $ready;
    }
}
