<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\Transfer;

/**
 * The attempts of one call, and the pauses between them. Each ends with the head of a response or with a failure, and that decides
 * whether there is another one.
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
     * Makes attempts until one is final. The "sent" of a failure is the worst of all attempts. The last attempt ends with the body
     * of its response, which the caller of this method reads.
     *
     * @return \Generator<int, int, mixed, Transfer> yields how many milliseconds it would wait at most
     * @throws OutboundException
     */
    public function run(): \Generator
    {
        $worst = 'no';
        for ($made = 1; true; $made++) {
            $rules = $this->rules($made);
            $this->recorder->attempt();
            try {
                $hops = new Hops($this->settings, $this->prepared, $this->recorder);
                [$transfer, $head] = yield from $hops->attempt();
                $next = $rules->afterResponse($head);
                if ($next === null) {
                    return $transfer;
                }
                $transfer->close();
                $this->recorder->attemptEnded('http_' . $head->status);
                $worst = 'yes';
            } catch (OutboundException $failure) {
                $this->recorder->attemptEnded($failure->errorCode());
                $worst = self::worse($worst, $failure->sent());
                $next = $rules->afterFailure($failure) ?? throw $failure->withSent($worst, $failure->httpStatus());
            }
            yield from self::pause($next, $worst);
        }
    }

    /**
     * @return \Generator<int, int, mixed, void>
     */
    private static function pause(Deadline $until, string $worst): \Generator
    {
        try {
            while (!$until->hasPassed()) {
                yield $until->left();
            }
        } catch (OutboundException $cut) {
            throw $cut->withSent($worst, null);
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
