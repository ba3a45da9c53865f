<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * One request and its response, on a curl handle and a connection of its own. libcurl may send a request twice if a reused
 * connection ends at the wrong moment, so no connection is reused.
 *
 * @internal
 */
final readonly class Exchange
{
    /**
     * @param int $connectTimeoutMs covers resolving, TCP, CONNECT and TLS
     */
    public function __construct(
        private Guard $guard,
        private ?Proxy $proxy,
        private Handles $handles,
        private Transfers $transfers,
        private int $connectTimeoutMs,
        private int $headerBytes,
    ) {
    }

    /**
     * Sends a request, and waits for the head of its response, whose body is then read or dropped.
     *
     * @return \Generator<int, int, mixed, array{Transfer, ResponseHead}> yields how many milliseconds it would wait at most
     * @throws OutboundException with "sent" for this request
     */
    public function send(
        #[\SensitiveParameter] Outgoing $outgoing,
        TimeLimits $limits,
        Usage $usage,
    ): \Generator {
        $connecting = Deadline::in(min($this->connectTimeoutMs, $limits->connectMs ?? $this->connectTimeoutMs));
        $route = $this->route($outgoing, $limits->first);
        // With several addresses of one family, libcurl skips some if the time is short.
        $turns = $route->turns();
        do {
            $turn = array_shift($turns);
            $transfer = $this->begin($outgoing, $route, $turn, $connecting, count($turns) + 1, $limits, $usage);
            $isOpen = true;
            try {
                yield from $transfer->awaitHead();
                $isOpen = false;
            } finally {
                if ($isOpen) {
                    $transfer->close();
                }
            }
        } while ($turns !== [] && $transfer->isUnconnected());
        return [$transfer, $transfer->demandHead()];
    }

    /**
     * @param Route $turn the route with the addresses that are tried now
     * @param int $turns how many there are with this one
     */
    private function begin(
        #[\SensitiveParameter] Outgoing $outgoing,
        Route $route,
        Route $turn,
        Deadline $connecting,
        int $turns,
        TimeLimits $limits,
        Usage $usage,
    ): Transfer {
        $whole = $limits->first->left();
        $left = min($connecting->left(), $whole);
        if ($left <= 0) {
            throw self::late($limits->first);
        }
        $share = max(1, intdiv($left, $turns));
        $handle = $this->handles->open($outgoing, $turn, $share);
        $heads = new HeadReader($this->headerBytes, $this->handles->offers2($outgoing));
        $reader = new ResponseReader($heads);
        curl_setopt_array($handle, [
            CURLOPT_HEADERFUNCTION => static fn (mixed $handle, string $line): int
                => $reader->line($line) ? strlen($line) : -1,
            CURLOPT_WRITEFUNCTION => static fn (mixed $handle, string $chunk): int => $reader->chunk($chunk),
        ]);
        return new Transfer($this->transfers, $handle, $reader, $outgoing, $route, $limits, $share < $whole, $usage);
    }

    private function route(#[\SensitiveParameter] Outgoing $outgoing, Deadline $deadline): Route
    {
        $origin = $outgoing->target->origin;
        if ($this->proxy === null || !$this->proxy->serves($origin)) {
            return new Route($origin->host, $origin->port, $this->guard->addresses($origin->host, $deadline), null);
        }
        if ($this->proxy->resolve === Proxy::LOCAL) {
            $this->guard->addresses($origin->host, $deadline);
        } else {
            $this->guard->unresolved($origin->host);
        }
        $addresses = $this->guard->unjudged($this->proxy->host, $deadline);
        return new Route($this->proxy->host, $this->proxy->port, $addresses, $this->proxy);
    }

    private static function late(Deadline $deadline): OutboundException
    {
        return $deadline->hasPassed()
            ? OutboundException::create('timeout.total', 'no response came within timeout_ms')
            : OutboundException::create('timeout.connect', 'no connection was made within connect_timeout_ms');
    }
}
