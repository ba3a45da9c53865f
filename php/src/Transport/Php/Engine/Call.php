<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Php\Credential\Redactor;
use Netresearch\NrVault\Transport\Php\Net\Response;
use Netresearch\NrVault\Transport\Php\Policy\Admitted;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;

/**
 * One call from request to response. In every case it ends with an audit record, and with all secrets wiped that this code can
 * reach in memory.
 *
 * @internal
 */
final readonly class Call
{
    private Preparation $preparation;

    public function __construct(private Settings $settings)
    {
        $this->preparation = new Preparation($settings);
    }

    /**
     * @param int|null $begun when the call came in, in nanoseconds of hrtime(); null: now
     * @throws OutboundException
     */
    public function send(#[\SensitiveParameter] RequestSpec $request, ?int $begun = null): ResponseSpec
    {
        $recorder = new Recorder($begun);
        $prepared = null;
        try {
            $prepared = $this->preparation->prepare($request, $recorder);
            $response = (new Attempts($this->settings, $prepared, $recorder))->run();
            return self::response($response, $prepared, $recorder);
        } catch (OutboundException $failure) {
            $isRepeatable = Retry::isRepeatable($request->method, $request->idempotencyKey !== null);
            throw $failure->asEndOfCall(Retry::mayPass($failure, $isRepeatable), $recorder->failed($failure));
        } finally {
            $prepared?->wipe();
        }
    }

    /**
     * @param list<\Netresearch\NrVault\Transport\CredentialReference> $references
     * @throws OutboundException
     */
    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
        ?int $bodyLength,
    ): Decision {
        $recorder = new Recorder();
        try {
            $admitted = $this->preparation->decide($request, $references, $recorder, $bodyLength);
        } catch (OutboundException $refusal) {
            throw $refusal->asEndOfCall(Retry::mayPass($refusal, false), $recorder->failed($refusal));
        }
        return self::decision($admitted, $recorder->begun);
    }

    /** The decision about a request that may be sent. */
    public static function decision(Admitted $admitted, ?int $begun = null): Decision
    {
        $target = $admitted->target;
        return new Decision(
            $admitted->method,
            $target->text($target->query),
            $admitted->pathTemplate,
            $target->origin->host->text,
            $target->origin->port,
            $begun,
        );
    }

    private static function response(
        #[\SensitiveParameter] Response $response,
        #[\SensitiveParameter] Prepared $prepared,
        Recorder $recorder,
    ): ResponseSpec {
        $head = $response->head;
        $gone = $response->body?->decodes() === true ? ['content-encoding', 'content-length'] : [];
        $headers = [];
        foreach ($head->headers as [$name, $value]) {
            if (!in_array($name, $gone, true)) {
                // Servers repeat query parameters in Location. A value that the caller has set itself is not hidden: hiding it
                // would confirm that the caller has guessed the secret.
                $hides = $prepared->changes->redactor->finds($value)
                    && !in_array([$name, $value], $prepared->callersHeaders, true);
                $headers[] = [$name, $hides ? Redactor::REDACTED : $value];
            }
        }
        return new ResponseSpec(
            $head->status,
            $head->httpVersion,
            $headers,
            (string) $response->body?->bytes(),
            $recorder->responded($head->status),
        );
    }
}
