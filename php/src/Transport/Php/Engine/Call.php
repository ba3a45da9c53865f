<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Php\Policy\Admitted;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * The beginning of a call: what is decided about its request.
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
     * Prepares a request, which is sent by the result.
     *
     * @param int|null $begun when the call came in, in nanoseconds of hrtime(); null: now
     * @throws OutboundException
     */
    public function begin(#[\SensitiveParameter] RequestSpec $request, ?int $begun, Reading $reading): OpenCall
    {
        $recorder = new Recorder($begun);
        $isRepeatable = $request->isRepeatable();
        try {
            $prepared = $this->preparation->prepare($request, $recorder, $reading);
        } catch (OutboundException $refusal) {
            throw $refusal->asEndOfCall(Retry::mayPass($refusal, $isRepeatable), $recorder->failed($refusal));
        }
        return new OpenCall($this->settings, $prepared, $recorder, $reading->isCollected);
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
            $admitted->policy->versions->names(),
        );
    }
}
