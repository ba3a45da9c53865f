<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;

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
        private int $connectTimeoutMs,
        private int $headerBytes,
    ) {
    }

    /**
     * Sends a request and reads its response, inside the deadline.
     *
     * @param ByteLimit $responseBytes cap of the body
     * @param \Closure(ResponseHead): Verdict $judge called when the head is complete; a body that it does not want is not read
     * @throws OutboundException with "sent" for this request
     */
    public function send(
        #[\SensitiveParameter] Outgoing $outgoing,
        Deadline $deadline,
        ByteLimit $responseBytes,
        \Closure $judge,
        Usage $usage,
    ): Response {
        $connecting = Deadline::in($this->connectTimeoutMs);
        $route = $this->route($outgoing, $deadline);
        $reader = new HeadReader($this->headerBytes, $this->handles->offers2($outgoing->isSecure()));
        $response = new ResponseReader($reader, $outgoing->method, $responseBytes, $deadline, $judge);
        [$handle, $connectIsTimed] = $this->perform($outgoing, $route, $connecting, $deadline, $response);
        $end = $this->ending($handle, $route, $reader, $connectIsTimed);
        if ($end->begun) {
            $usage->add(
                curl_getinfo($handle, CURLINFO_SIZE_UPLOAD_T),
                $response->arrived(),
                curl_getinfo($handle, CURLINFO_PRIMARY_IP),
                $reader->version() ?? ($outgoing->isSecure() ? null : '1.1'),
            );
        }
        $this->checkPeer($handle, $route->addresses, $end);
        unset($handle);
        return $response->response($end);
    }

    /**
     * Tries one address of each family at a time, until there is a connection. With several of one family, libcurl skips some if
     * the time is short.
     *
     * @return array{\CurlHandle, bool} the handle, and whether connecting had less time than the whole
     */
    private function perform(
        #[\SensitiveParameter] Outgoing $outgoing,
        Route $route,
        Deadline $connecting,
        Deadline $deadline,
        ResponseReader $response,
    ): array {
        $turns = $route->turns();
        do {
            $turn = array_shift($turns);
            $whole = $deadline->left();
            $left = min($connecting->left(), $whole);
            if ($left <= 0) {
                throw self::late($deadline);
            }
            $share = max(1, intdiv($left, count($turns) + 1));
            $handle = $this->handles->open($outgoing, $turn, $share, $whole);
            curl_setopt_array($handle, [
                CURLOPT_HEADERFUNCTION => static fn (mixed $handle, string $line): int
                    => $response->line($line) ? strlen($line) : -1,
                CURLOPT_WRITEFUNCTION => static fn (mixed $handle, string $chunk): int
                    => $response->chunk($chunk) ? strlen($chunk) : -1,
            ]);
            curl_exec($handle);
        } while ($turns !== [] && self::isUnconnected($handle));
        return [$handle, $share < $whole];
    }

    private static function isUnconnected(\CurlHandle $handle): bool
    {
        return in_array(curl_errno($handle), [CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEOUTED], true)
            && curl_getinfo($handle, CURLINFO_PRIMARY_IP) === '';
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

    private function ending(\CurlHandle $handle, Route $route, HeadReader $reader, bool $connectIsTimed): TransferEnd
    {
        return new TransferEnd(
            curl_errno($handle),
            curl_error($handle),
            curl_getinfo($handle, CURLINFO_OS_ERRNO),
            curl_getinfo($handle, CURLINFO_PRETRANSFER_TIME_T) > 0,
            $reader->status(),
            $reader->head() !== null,
            $route->proxy !== null,
            curl_getinfo($handle, CURLINFO_HTTP_CONNECTCODE),
            curl_getinfo($handle, CURLINFO_SSL_VERIFYRESULT),
            $connectIsTimed,
        );
    }

    /**
     * libcurl may only use the given addresses; this checks that it has used one of them.
     *
     * @param list<Address> $addresses
     */
    private function checkPeer(\CurlHandle $handle, array $addresses, TransferEnd $end): void
    {
        $text = curl_getinfo($handle, CURLINFO_PRIMARY_IP);
        if ($text === '') {
            return;
        }
        $peer = Address::parse($text);
        foreach ($addresses as $address) {
            if ($peer !== null && $peer->equals($address)) {
                return;
            }
        }
        throw OutboundException::create(
            'policy.address_not_allowed',
            'the connection was made to an address that was not judged',
            sent: $end->sent(),
            httpStatus: $end->status,
        );
    }

    private static function late(Deadline $deadline): OutboundException
    {
        return $deadline->hasPassed()
            ? OutboundException::create('timeout.total', 'no response came within timeout_ms')
            : OutboundException::create('timeout.connect', 'no connection was made within connect_timeout_ms');
    }
}
