<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Answer;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\Head;

/**
 * The attempts of one call, and what lies between two of them.
 *
 * @internal
 */
final class Attempts
{
    private const SENT = ['no', 'maybe', 'yes'];

    private int $made = 0;
    private string $worst = 'no';

    /** When the next attempt begins; null where the one of the moment is the last. */
    private ?Deadline $next = null;

    public function __construct(
        private readonly Settings $settings,
        private readonly Prepared $prepared,
        private readonly Recorder $recorder,
    ) {
    }

    /**
     * Makes attempts until the end of one stands. A failure's "sent" is the worst of all of them.
     *
     * @throws OutboundException
     */
    public function run(): Answer
    {
        while (true) {
            $this->made++;
            $this->recorder->attempt();
            $this->next = null;
            try {
                $answer = (new Hops($this->settings, $this->prepared, $this->recorder))->attempt($this->stands(...));
                $status = $answer->head->status;
                $this->recorder->attemptEnded($status >= 400 ? 'http_' . $status : null);
                if ($this->next === null) {
                    return $answer;
                }
                $this->worst = 'yes';
            } catch (OutboundException $failure) {
                $this->recorder->attemptEnded($failure->errorCode());
                // A head that was to be followed by another attempt counts for nothing where the exchange failed after it.
                $this->next = null;
                $sent = self::worse($this->worst, $failure->sent());
                if (Retry::afterFailure($failure, $this->prepared->isRepeatable)) {
                    $this->plan(null);
                }
                if ($this->next === null) {
                    throw $failure->withSent($sent, $failure->httpStatus());
                }
                $this->worst = $sent;
            }
            $this->next->await();
        }
    }

    /** Whether an answer is the call's; decided once its head is there, and before anything of its body is read. */
    private function stands(Head $head): bool
    {
        if (Retry::afterResponse($head->status, $this->prepared->isRepeatable)) {
            $this->plan($head);
        }
        return $this->next === null;
    }

    /**
     * Plans the next attempt, if there may be one. A pause that would outlast the call is not begun: what there is goes to
     * the caller at once.
     */
    private function plan(?Head $head): void
    {
        if ($this->made >= $this->prepared->maxAttempts) {
            return;
        }
        $asked = $head === null ? null : Pause::retryAfter($head, (int) (microtime(true) * 1000));
        $pause = max(Pause::backoff($this->made - 1, random_int(0, PHP_INT_MAX) / PHP_INT_MAX), (int) $asked);
        if ($pause < $this->prepared->deadline->left()) {
            $this->next = Deadline::in($pause);
        }
    }

    /** The worse of two words for how far a request had got. */
    private static function worse(string $one, string $other): string
    {
        return self::SENT[max(array_search($one, self::SENT, true), array_search($other, self::SENT, true))];
    }
}
