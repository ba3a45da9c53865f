<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Response;

/**
 * The attempts of one call, and the pauses between them.
 *
 * @internal
 */
final readonly class Attempts
{
    private const SENT = ['no', 'maybe', 'yes'];

    public function __construct(private Settings $settings, private Prepared $prepared, private Recorder $recorder)
    {
    }

    /**
     * Makes attempts until one is final. The "sent" of a failure is the worst of all attempts.
     *
     * @throws OutboundException
     */
    public function run(): Response
    {
        $worst = 'no';
        for ($made = 1; true; $made++) {
            $rules = $this->rules($made);
            $this->recorder->attempt();
            try {
                $response = (new Hops($this->settings, $this->prepared, $this->recorder, $rules))->attempt();
                $status = $response->head->status;
                $this->recorder->attemptEnded($status >= 400 ? 'http_' . $status : null);
                $next = $response->verdict->next;
                if ($next === null) {
                    return $response;
                }
                $worst = 'yes';
            } catch (OutboundException $failure) {
                $this->recorder->attemptEnded($failure->errorCode());
                $worst = self::worse($worst, $failure->sent());
                $next = $rules->afterFailure($failure) ?? throw $failure->withSent($worst, $failure->httpStatus());
            }
            $next->await();
        }
    }

    private function rules(int $made): AttemptRules
    {
        $isLast = $made >= $this->prepared->maxAttempts;
        $backoff = $isLast ? null : Pause::backoff($made - 1, random_int(0, PHP_INT_MAX) / PHP_INT_MAX);
        return new AttemptRules($this->prepared, $backoff);
    }

    /** The worse of two values of "sent". */
    private static function worse(string $one, string $other): string
    {
        return self::SENT[max(array_search($one, self::SENT, true), array_search($other, self::SENT, true))];
    }
}
