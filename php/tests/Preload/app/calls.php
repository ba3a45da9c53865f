<?php

/**
 * A host's script, not preloaded, that makes many calls and reports how many ended as expected. Every other one is an exchange, and
 * what becomes of it is another one each time.
 *
 * Input: {"config": {…}, "calls": [[status or error code, [head, body, sealed]], …], "count": N}; the calls are made in turn.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

require __DIR__ . '/../php/autoload.php';

const WAYS = ['read', 'cancelled', 'ended', 'dropped', 'in pieces', 'broken off'];

/** A body in pieces, which breaks off behind its bytes or ends there. */
function body(string $bytes, bool $isBroken): BodySource
{
    return new class ($bytes, $isBroken) implements BodySource {
        private readonly ?int $length;

        public function __construct(private string $bytes, private readonly bool $isBroken)
        {
            $this->length = $isBroken ? null : strlen($bytes);
        }

        public function length(): ?int
        {
            return $this->length;
        }

        public function read(int $max): string
        {
            if ($this->bytes === '' && $this->isBroken) {
                throw new DomainException('of the source');
            }
            $piece = substr($this->bytes, 0, $max);
            $this->bytes = substr($this->bytes, strlen($piece));
            return $piece;
        }
    };
}

/** The status of a response that was read; null: it was not. */
function exchange(RustFfiTransport $transport, RequestSpec $request, string $way): ?int
{
    $isBroken = $way === 'broken off';
    $body = $isBroken || $way === 'in pieces' ? body($request->body, $isBroken) : null;
    $exchange = $transport->start($request, body: $body);
    if (in_array($way, ['cancelled', 'ended', 'dropped'], true)) {
        $transport->wait([$exchange], 1000);
        match ($way) {
            'cancelled' => $exchange->cancel(),
            'ended' => $exchange->end(),
            'dropped' => null,
        };
        return null;
    }
    try {
        while (($piece = $exchange->read(1000)) !== '') {
            if ($piece === null) {
                $transport->wait([$exchange], 1000);
                // Whoever has asked for the head is not woken by it again.
                $exchange->head();
            }
        }
        return $exchange->head()?->status;
    } catch (DomainException) {
        return null;
    } finally {
        $exchange->end();
    }
}

$input = json_decode((string) file_get_contents(PHP_SAPI === 'cli' ? 'php://stdin' : 'php://input'), true);
$other = [];
for ($call = 0; $call < $input['count']; $call++) {
    [$comes, $wire] = $input['calls'][$call % count($input['calls'])];
    $way = $call % 2 === 0 ? null : WAYS[intdiv($call, 2) % count(WAYS)];
    try {
        $request = RequestSpec::fromWire(...$wire);
        $transport = new RustFfiTransport($input['config']);
        $transport->decide($request->withCredentials([]));
        $came = $way === null ? $transport->send($request)->status : exchange($transport, $request, $way) ?? $comes;
    } catch (OutboundException $exception) {
        $came = $exception->errorCode();
    }
    if ($came !== $comes) {
        $other[] = [$comes, $came, $way];
    }
}
echo json_encode(['pid' => getmypid(), 'calls' => $call, 'other' => $other]);
