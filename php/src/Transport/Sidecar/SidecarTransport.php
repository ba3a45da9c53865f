<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\TransportInterface;
use Netresearch\NrVault\Transport\Wire;

/**
 * Sends through secure-outbound-sidecar, a process of another user, which has keys, registry, policies and envelopes. Of a request it
 * gets the service's id and what is the request's own; base URL, policy and declarations of credentials are the sidecar's.
 *
 * @api
 */
final class SidecarTransport implements TransportInterface
{
    /** PHP waits longer than the call may last, so that the sidecar's own verdict arrives. */
    private const LATE_MS = 250;

    /** Of these, a response in which a piece is missing may be asked for again. */
    private const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'];

    /** How often a connection may end before the sidecar has decided. */
    private const TRIES = 20;

    private readonly string $socket;

    private readonly int $timeoutMs;

    private readonly int $connectMs;

    /** @var \WeakMap<Decision, PendingCall> */
    private readonly \WeakMap $decided;

    /**
     * Does nothing yet: the first call connects.
     *
     * @param array<string, mixed> $config configuration document with "sidecar": {"socket": "/run/…"}
     * @throws OutboundException configuration.invalid
     */
    public function __construct(#[\SensitiveParameter] array $config)
    {
        $sidecar = $config['sidecar'] ?? null;
        $socket = is_array($sidecar) && count($sidecar) === 1 ? $sidecar['socket'] ?? null : null;
        if (!is_string($socket) || !str_starts_with($socket, '/')) {
            throw OutboundException::create('configuration.invalid', 'sidecar must be {"socket"}, an absolute path');
        }
        $defaults = is_array($config['defaults'] ?? null) ? $config['defaults'] : [];
        $this->socket = $socket;
        $this->timeoutMs = is_int($defaults['timeout_ms'] ?? null) ? $defaults['timeout_ms'] : 30_000;
        $this->connectMs = is_int($defaults['connect_timeout_ms'] ?? null) ? $defaults['connect_timeout_ms'] : 10_000;
        $this->decided = new \WeakMap();
    }

    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references = [],
        ?int $bodyLength = null,
    ): Decision {
        [$decision, $call] = $this->ask($request, $bodyLength ?? strlen($request->body), $this->connectLimit($request));
        $this->decided[$decision] = $call;
        return $decision;
    }

    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec {
        $limit = $this->connectLimit($request);
        $call = $decided === null ? null : $this->decided[$decided] ?? null;
        if ($decided !== null) {
            unset($this->decided[$decided]);
        }
        while (true) {
            if ($call === null || !$call->isCurrent(strlen($request->body))) {
                [, $call] = $this->ask($request, strlen($request->body), $limit);
            }
            $response = $this->exchange($request, $call);
            if ($response !== null) {
                return $response;
            }
            // The sidecar has not taken the call: it restarts, and another one takes it.
            if ((int) hrtime(true) >= $limit) {
                throw self::late($request, 'no');
            }
            $call = null;
        }
    }

    /**
     * Has the sidecar decide about a request.
     *
     * @return array{Decision, PendingCall}
     * @throws OutboundException
     */
    private function ask(#[\SensitiveParameter] RequestSpec $request, int $bodyLength, int $limit): array
    {
        $missing = Functions::missingForSidecar();
        if ($missing !== []) {
            throw OutboundException::create('configuration.transport_unavailable', Functions::message($missing));
        }
        $own = $request->ownHead();
        for ($tries = 1;; $tries++) {
            $connection = Connection::open($this->socket, $limit);
            $until = (int) hrtime(true) + (($request->timeoutMs ?? $this->timeoutMs) + self::LATE_MS) * 1_000_000;
            $id = $connection->nextId();
            $head = Wire::encode(['version' => Wire::VERSION, 'service_id' => $request->serviceId, 'body_bytes' => $bodyLength]);
            // The document of the request is put in as it is.
            $document = substr($head, 0, -1) . ',"request":' . $own . '}';
            $connection->begin();
            try {
                $connection->write(Frames::document(Frames::CALL, $id, $document), $until);
                $answer = Wire::decode($connection->document(Frames::DECISION, $id, $until));
            } catch (ConnectionLost $lost) {
                $connection->close();
                if ($lost->isLate) {
                    throw self::late($request, 'no');
                }
                if ($tries < self::TRIES) {
                    Connection::pause();
                    continue;
                }
                throw OutboundException::create(
                    'configuration.transport_unavailable',
                    'the sidecar at ' . $this->socket . ' closes the connection: look at its log',
                );
            }
            $connection->done();
            $timeout = $answer['timeout_ms'] ?? null;
            $decision = $answer['decision'] ?? null;
            if (!is_array($decision) || ($decision['allowed'] ?? null) !== true || !is_int($timeout)) {
                throw OutboundException::fromWire(is_array($decision) ? $decision : null);
            }
            $until = (int) hrtime(true) + ($timeout + self::LATE_MS) * 1_000_000;
            $brings = ($answer['envelopes'] ?? null) === 'caller';
            return [Decision::fromWire(Wire::encode($decision)), new PendingCall($connection, $id, $bodyLength, $until, $brings)];
        }
    }

    /**
     * Hands a call over and reads its end.
     *
     * @return ResponseSpec|null null if the sidecar has not taken it
     * @throws OutboundException
     */
    private function exchange(#[\SensitiveParameter] RequestSpec $request, PendingCall $call): ?ResponseSpec
    {
        $connection = $call->connection;
        $isHandedOver = false;
        $connection->begin();
        try {
            $sealed = $call->bringsEnvelopes ? $request->sealed() : '';
            $begin = $sealed === '' ? '' : Frames::document(Frames::SEALED, $call->id, $sealed);
            $this->upload($connection, $begin, $request->body, $call);
            $isHandedOver = true;
            $head = $connection->document(Frames::RESPONSE, $call->id, $call->until);
            $body = $this->download($connection, $call, $head);
        } catch (ConnectionLost $lost) {
            $connection->close();
            if ($lost->isLate) {
                throw self::late($request, $isHandedOver ? 'maybe' : 'no');
            }
            if (!$isHandedOver || ($lost->taken !== null && $lost->taken < $call->id)) {
                return null;
            }
            throw OutboundException::create(
                'protocol.closed_early',
                'the sidecar ended before it had answered; whether the request was processed is not known',
                self::isRepeatable($request),
                'maybe',
            );
        }
        $connection->done();
        $wire = Wire::decode($head);
        if (($wire['error'] ?? null) !== null) {
            throw OutboundException::fromWire($wire);
        }
        return ResponseSpec::fromWire($head, $body);
    }

    /**
     * @throws ConnectionLost
     */
    private function upload(
        Connection $connection,
        #[\SensitiveParameter] string $begin,
        #[\SensitiveParameter] string $body,
        PendingCall $call,
    ): void {
        $credit = Frames::WINDOW;
        $bytes = $begin;
        $at = 0;
        do {
            $length = min(Frames::PAYLOAD_BYTES, strlen($body) - $at, $credit);
            $isLast = $at + $length === strlen($body);
            $bytes .= Frames::piece(Frames::BODY, $call->id, substr($body, $at, $length), $isLast);
            [$at, $credit] = [$at + $length, $credit - $length];
            if ($isLast || $credit === 0 || strlen($bytes) >= Frames::WINDOW / 4) {
                $connection->write($bytes, $call->until);
                $bytes = '';
            }
            while (!$isLast && $credit === 0) {
                $frame = $connection->frame($call->until);
                if ($frame['kind'] === Frames::CREDIT && $frame['id'] === $call->id) {
                    $credit += Frames::number($frame['payload']);
                }
            }
        } while (!$isLast);
    }

    /**
     * @throws ConnectionLost
     * @throws OutboundException response.too_large
     */
    private function download(Connection $connection, PendingCall $call, #[\SensitiveParameter] string $head): string
    {
        [$body, $taken, $room] = ['', 0, MemoryLimit::room()];
        do {
            $frame = $connection->frame($call->until);
            if ($frame['id'] !== $call->id || $frame['kind'] !== Frames::BODY) {
                continue;
            }
            // PHP copies a string that grows.
            if (2 * (strlen($body) + $frame['length']) > $room) {
                $connection->close();
                throw ResponseSpec::tooLarge($head);
            }
            $body .= $frame['payload'];
            $taken += $frame['length'];
            if (!$frame['last'] && $taken >= Frames::WINDOW / 2) {
                $connection->write(Frames::piece(Frames::CREDIT, $call->id, pack('N', $taken), true), $call->until);
                $taken = 0;
            }
        } while ($frame['id'] !== $call->id || !$frame['last']);
        return $body;
    }

    /** The failure if even the sidecar's own verdict has not come. */
    private static function late(#[\SensitiveParameter] RequestSpec $request, string $sent): OutboundException
    {
        $message = 'the sidecar does not answer within the time of the call';
        return OutboundException::create('timeout.total', $message, $sent === 'no' || self::isRepeatable($request), $sent);
    }

    private static function isRepeatable(#[\SensitiveParameter] RequestSpec $request): bool
    {
        return $request->idempotencyKey !== null || in_array($request->method, self::IDEMPOTENT, true);
    }

    /** The time of hrtime() until which a connection is tried. */
    private function connectLimit(#[\SensitiveParameter] RequestSpec $request): int
    {
        return (int) hrtime(true) + min($this->connectMs, $request->timeoutMs ?? $this->timeoutMs) * 1_000_000;
    }
}
