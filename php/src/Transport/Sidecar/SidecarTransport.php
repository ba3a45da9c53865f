<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\RemoteDecision;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\Wire;

/**
 * Sends through secure-outbound-sidecar, a process of another user, which has keys, registry, policies and envelopes. Of a request it
 * gets the service's id and what is the request's own; base URL, policy and declarations of credentials are the sidecar's.
 *
 * @api
 */
final class SidecarTransport implements ExchangesInterface, RemoteDecision
{
    /** How often a connection may end before the sidecar has taken a call. */
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
        [$answer, $more] = [[], ['body_bytes' => $bodyLength ?? strlen($request->body)]];
        if ($bodyLength > Frames::WINDOW) {
            // It is not read yet, and may be sent in pieces: the sidecar keeps no room for all of it.
            $more += ['body' => 'pieces', 'response' => 'pieces'];
        }
        $call = $this->ask($request, $more, $this->connectLimit($request), $answer);
        $decision = Decision::fromWire(Wire::encode($answer));
        $this->decided[$decision] = $call;
        return $decision;
    }

    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec {
        $limit = $this->connectLimit($request);
        $length = strlen($request->body);
        $pending = $this->taken($decided);
        for ($tries = 1;; $tries++) {
            if ($pending === null || !$pending->isCurrent($length)) {
                // Without envelopes there is nothing that a decision has to be waited for.
                $pending = $request->credentials === [] ? null : $this->ask($request, ['body_bytes' => $length], $limit);
            }
            $upload = new Upload($request->body);
            if ($pending === null) {
                $call = $this->enter($limit);
                $timeout = $request->timeoutMs ?? $this->timeoutMs;
                $begin = $this->document($call, $request, ['body_bytes' => $length, 'known_timeout_ms' => $timeout]);
            } else {
                [$call, $timeout] = [$pending->isSent(), $pending->timeoutMs];
                $begin = self::sealed($call, $request, $pending);
            }
            $response = $this->exchange($request, $call, $upload, $begin, CallTimes::after($timeout));
            if ($response !== null) {
                return $response;
            }
            // The sidecar has not taken the call: it restarts, and another one takes it.
            if ((int) hrtime(true) >= $limit) {
                throw CallTimes::late('no', true);
            }
            $this->again($tries);
            $pending = null;
        }
    }

    public function start(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface {
        // It was decided about as one that is sent, and that cannot be cancelled.
        $this->taken($decided);
        $upload = new Upload($request->body, $body);
        $more = ['response' => $isCollected ? 'whole' : 'pieces'];
        $begin = function (int $limit) use ($request, $upload, $more): PendingCall {
            $pending = $this->ask($request, $upload->description() + $more, $limit);
            $begin = self::sealed($pending->call, $request, $pending) . $upload->begin($pending->call);
            if ($begin !== '') {
                $pending->call->connection->put($begin);
            }
            return $pending;
        };
        $limit = $this->connectLimit($request);
        $pending = $begin($limit);
        $isRepeatable = $request->isRepeatable();
        $exchange = new SidecarExchange(
            $pending->isSent(),
            $upload,
            $isCollected,
            new CallTimes(CallTimes::after($pending->timeoutMs), CallTimes::after($pending->totalMs), $isRepeatable),
            static fn (): SidecarCall => $begin($limit)->isSent(),
            static fn (SidecarCall $call): OutboundException => self::closed($call, $isRepeatable),
        );
        $exchange->advance();
        return $exchange;
    }

    public function wait(array $exchanges, int $milliseconds): array
    {
        $until = (int) hrtime(true) + $milliseconds * 1_000_000;
        while (true) {
            [$ready, $connections, $next] = [[], [], $until];
            foreach ($exchanges as $exchange) {
                if (!$exchange instanceof SidecarExchange) {
                    continue;
                }
                $exchange->advance();
                $connections[spl_object_id($exchange->connection())] = $exchange->connection();
                if ($exchange->isReady()) {
                    $ready[] = $exchange;
                } else {
                    $next = min($next, $exchange->until());
                }
            }
            // All of them go on, whether any has something or not.
            $isOver = $ready !== [] || $connections === [] || (int) hrtime(true) >= $until;
            Connection::turnAny(array_values($connections), $isOver ? 0 : $next);
            if ($isOver) {
                return $ready;
            }
        }
    }

    /**
     * Has the sidecar decide about a request.
     *
     * @param array{body_bytes: int|null, body?: string, response?: string} $more keys of the call's document
     * @param array<mixed> $decision the decision
     * @throws OutboundException
     */
    private function ask(
        #[\SensitiveParameter] RequestSpec $request,
        array $more,
        int $limit,
        array &$decision = [],
    ): PendingCall {
        for ($tries = 1;; $tries++) {
            $call = $this->enter($limit);
            $until = CallTimes::after($request->timeoutMs ?? $this->timeoutMs);
            $call->connection->put($this->document($call, $request, $more));
            while ($call->decision === null && $call->lost === null && $call->connection->turn($until)) {
                continue;
            }
            if ($call->decision === null) {
                if ($call->lost === null) {
                    $call->connection->giveUp($call);
                    throw CallTimes::late('no', true);
                }
                $this->again($tries);
                continue;
            }
            $answer = Wire::decode($call->decision) ?? [];
            [$timeout, $total] = [$answer['timeout_ms'] ?? null, $answer['total_timeout_ms'] ?? null];
            $decision = is_array($answer['decision'] ?? null) ? $answer['decision'] : [];
            if (($decision['allowed'] ?? null) !== true || !is_int($timeout) || !is_int($total)) {
                $call->connection->leave($call);
                throw OutboundException::fromWire($decision === [] ? null : $decision);
            }
            $length = isset($more['body']) ? null : $more['body_bytes'];
            return new PendingCall($call, $length, $timeout, $total, ($answer['envelopes'] ?? null) === 'caller');
        }
    }

    /**
     * Hands a call over and reads its end.
     *
     * @param string $begin frames before the body
     * @return ResponseSpec|null null if the sidecar has not taken it
     * @throws OutboundException
     */
    private function exchange(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] SidecarCall $call,
        #[\SensitiveParameter] Upload $upload,
        #[\SensitiveParameter] string $begin,
        int $until,
    ): ?ResponseSpec {
        $connection = $call->connection;
        try {
            $connection->put($begin . $upload->frames($call));
            while (!$call->isWhole && $call->lost === null && $connection->turn($until)) {
                if ($call->decision !== null) {
                    $until = self::until($call->decision);
                    $call->decision = null;
                }
                if (!$upload->isOver() && $call->response === null && $connection->hasRoom()) {
                    $connection->put($upload->frames($call));
                }
                // PHP copies a string that grows.
                if ($call->uncounted > 0 && strlen($call->body) + Frames::PAYLOAD_BYTES > MemoryLimit::room()) {
                    throw ResponseSpec::tooLarge((string) $call->response);
                }
                $call->credit($call->uncounted);
            }
            if (!$call->isWhole && $call->lost === null) {
                throw CallTimes::late($call->isHandedOver ? 'maybe' : 'no', $request->isRepeatable());
            }
        } catch (OutboundException $failure) {
            $connection->giveUp($call);
            throw $failure;
        } finally {
            // What a signal's handler throws leaves the call as well.
            if (!$call->isWhole) {
                $connection->cancel($call, Frames::LEFT);
            }
            $connection->leave($call);
        }
        if ($call->isUntaken()) {
            return null;
        }
        if ($call->response === null || !$call->isWhole) {
            throw self::closed($call, $request->isRepeatable());
        }
        return ResponseSpec::fromWire($call->response, $call->body);
    }

    /** A connection that is marked, and a new call on it. */
    private function enter(int $limit): SidecarCall
    {
        $missing = Functions::missingForSidecar();
        if ($missing !== []) {
            throw OutboundException::create('configuration.transport_unavailable', Functions::message($missing));
        }
        $connection = ConnectionOpener::open($this->socket, $limit);
        return $connection->enter(ConnectionOpener::nextId($this->socket));
    }

    /**
     * The frames of a call's document.
     *
     * @param array<string, mixed> $more
     */
    private function document(#[\SensitiveParameter] SidecarCall $call, #[\SensitiveParameter] RequestSpec $request, array $more): string
    {
        $head = ['version' => Wire::VERSION, 'service_id' => $request->serviceId] + $more;
        // The document of the request is put in as it is.
        $document = substr(Wire::encode($head), 0, -1) . ',"request":' . $request->ownHead() . '}';
        if (strlen($document) > Frames::CALL_BYTES) {
            $call->connection->leave($call);
            throw OutboundException::malformed('the head of the request is longer than the 1 MiB that the sidecar takes');
        }
        return Frames::document(Frames::CALL, $call->id, $document);
    }

    /** The frames of the envelopes, where the sidecar wants them. */
    private static function sealed(
        #[\SensitiveParameter] SidecarCall $call,
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] PendingCall $pending,
    ): string {
        $sealed = $pending->bringsEnvelopes ? $request->sealed() : '';
        return $sealed === '' ? '' : Frames::document(Frames::SEALED, $call->id, $sealed);
    }

    /** The time until which a call is waited for that may last longer than this side knows. */
    private static function until(string $decision): int
    {
        $timeout = (Wire::decode($decision) ?? [])['timeout_ms'] ?? null;
        return CallTimes::after(is_int($timeout) ? $timeout : 0);
    }

    private function taken(#[\SensitiveParameter] ?Decision $decided): ?PendingCall
    {
        if ($decided === null) {
            return null;
        }
        $pending = $this->decided[$decided] ?? null;
        unset($this->decided[$decided]);
        return $pending;
    }

    /**
     * A pause before the next try.
     *
     * @throws OutboundException configuration.transport_unavailable
     */
    private function again(int $tries): void
    {
        if ($tries >= self::TRIES) {
            throw OutboundException::create(
                'configuration.transport_unavailable',
                'the sidecar at ' . $this->socket . ' closes the connection: look at its log',
            );
        }
        ConnectionOpener::pause();
    }

    /** The failure of a call whose connection is over. */
    private static function closed(#[\SensitiveParameter] SidecarCall $call, bool $isRepeatable): OutboundException
    {
        $status = $call->response === null ? null : (Wire::decode($call->response) ?? [])['status'] ?? null;
        $sent = match (true) {
            is_int($status) => 'yes',
            $call->response === null && $call->isUntaken() => 'no',
            default => 'maybe',
        };
        return OutboundException::create(
            'protocol.closed_early',
            $sent === 'no'
                ? 'the sidecar ended before it had taken the request'
                : 'the sidecar ended before it had answered; whether the request was processed is not known',
            $sent === 'no' || $isRepeatable,
            $sent,
            is_int($status) ? $status : null,
        );
    }

    /** The time of hrtime() until which a connection is tried. */
    private function connectLimit(#[\SensitiveParameter] RequestSpec $request): int
    {
        return (int) hrtime(true) + min($this->connectMs, $request->timeoutMs ?? $this->timeoutMs) * 1_000_000;
    }
}
